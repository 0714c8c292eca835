/** What comes before the tests, side by side: the set-up waits for the network and the disk while we build and check. Fails when either does. */
import { spawn } from 'node:child_process';

/**
 * Runs a line of the shell; its exit code.
 * @param {string} line
 * @returns {Promise<number>}
 */
function run(line) {
  return new Promise((resolve, reject) => {
    const child = spawn(line, { shell: true, stdio: ['ignore', 'inherit', 'inherit'] });
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}

const codes = await Promise.all([run('npm run --silent set-up'), run('npm run --silent build && npm run --silent check')]);
process.exitCode = Math.max(...codes);
