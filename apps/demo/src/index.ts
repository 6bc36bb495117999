/** `npm start`. Nothing runs while modules are loaded: what fails then is the installation. */
const loaded = await import('./main.js').catch(explain)
if (loaded === undefined) process.exitCode = 1
else process.exitCode = await loaded.main(process.argv.slice(2), loaded.processSurroundings)

function explain(error: unknown): void {
  const [reason] = String(error).split('\n')
  process.stderr.write(
    `${reason}\nA file of node_modules is missing or damaged; \`npm ci\` installs all of them anew.\n`,
  )
}
