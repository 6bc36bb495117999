/** The token every contestant gets, as long as a JWT often is: 800 characters. */
export const accessToken = Buffer.alloc(600, 'a claim among others ').toString('base64url')

/** How tokens begin that the local server rejects. */
export const rejectedToken = 'rejected'
