/**
 * Runs `psp` again and again in one process, which loads what the verbs share once: for `pspHere` of run.ts, which starts it with the path of the program and
 * sends one call after the other. Environment, folder, arguments and both outputs are those of the call; standard input is empty.
 */
import { pathToFileURL } from 'node:url';

const program = pathToFileURL(process.argv[2] ?? '').href;
let calls = 0;

/** @param {NodeJS.WriteStream} stream @returns {() => string} what was written since then */
function collect(stream) {
  let text = '';
  /** @param {string | Uint8Array} chunk @param {unknown} encoding @param {unknown} done */
  const write = (chunk, encoding, done = encoding) => {
    text += Buffer.from(chunk).toString();
    if (typeof done === 'function') process.nextTick(() => done());
    return true;
  };
  stream.write = write;
  return () => text;
}

process.on('message', async (/** @type {{ args: string[], env: Record<string, string>, cwd: string }} */ { args, env, cwd }) => {
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, env);
  process.chdir(cwd);
  process.argv.splice(2, Number.POSITIVE_INFINITY, ...args);
  process.exitCode = undefined;
  const [stdout, stderr] = [collect(process.stdout), collect(process.stderr)];
  // The address differs, so that the program itself runs anew; the modules that it imports are there already.
  await import(`${program}?call=${++calls}`);
  process.stdout.removeAllListeners('error');
  process.send?.({ status: process.exitCode ?? 0, stdout: stdout(), stderr: stderr() });
});
process.on('disconnect', () => process.exit());
