/** `npm start`. */
try {
  const { main, processSurroundings } = await import('./main.js')
  process.exitCode = await main(process.argv.slice(2), processSurroundings)
} catch (error) {
  if (!isMissingFile(error)) throw error
  process.stderr.write(`${error.message}\nA file of node_modules is missing; \`npm ci\` installs all of them anew.\n`)
  process.exitCode = 1
}

/** Of Node's two module systems. */
function isMissingFile(error: unknown): error is Error {
  const code = error instanceof Error && 'code' in error && error.code
  return code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND'
}
