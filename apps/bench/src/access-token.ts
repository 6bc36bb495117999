/** The token every contestant gets. */
export const accessToken = 'f2a1b8c0-6c1e-4c53-9d0b-0c8a5b0f7e55'

/** How tokens begin that the local server rejects. */
export const rejectedToken = 'rejected'
