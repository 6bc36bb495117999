/** `npm start`. */
import { main, processSurroundings } from './main.js'

process.exitCode = await main(process.argv.slice(2), processSurroundings)
