/** `psp capture`: a running browser, or a Playwright storage state, into a sealed session file. */
import { cdp } from '../adapters/cdp.ts';
import { captureToFile, type WrittenFile, writeSessionFile } from '../file.ts';
import { readStorageState } from '../formats/storage-state.ts';
import { print, readOptions } from './arguments.ts';
import { parseAddress, parseOrigin, parseTimeout } from './browser-option.ts';
import { CliFailure, usage } from './failure.ts';
import { naming, readWhole } from './file.ts';
import { withInterrupt } from './interrupt.ts';
import { KEY_OPTIONS, kidOf, readKey } from './key-source.ts';
import { demandComplete, showCounts, showEntries, showLosses } from './report.ts';
import { showBytes } from './text.ts';

export async function runCapture(args: readonly string[]): Promise<void> {
  const values = readOptions(args, {
    ...KEY_OPTIONS,
    cdp: { type: 'string' },
    'playwright-state': { type: 'string' },
    out: { type: 'string', short: 'o' },
    origin: { type: 'string', multiple: true },
    name: { type: 'string' },
    timeout: { type: 'string' },
    'history-states': { type: 'boolean' },
    json: { type: 'boolean' },
  });
  const { out } = values;
  if (out === undefined) throw usage('capture needs -o FILE');
  if ((values.cdp === undefined) === (values['playwright-state'] === undefined))
    throw usage('capture needs either --cdp or --playwright-state');
  const url = values.cdp === undefined ? null : parseAddress(values.cdp);
  if (url === null && [values.timeout, values.origin, values['history-states']].some((value) => value !== undefined))
    throw usage('--timeout, --origin and --history-states go with --cdp');
  const name = values.name === undefined ? {} : { name: values.name };
  const options = {
    ...name,
    ...(values.origin === undefined ? {} : { origins: values.origin.map(parseOrigin) }),
    ...(values.timeout === undefined ? {} : { timeoutMs: parseTimeout(values.timeout) }),
    ...(values['history-states'] === true ? { historyStates: true } : {}),
  };
  // Before the browser is asked: a missing key must not cost a capture.
  const key = await readKey(values, 'seal');
  const showWritten = ({ fileBytes }: WrittenFile): string => `wrote ${out}: ${showBytes(fileBytes)}, sealed with key ${kidOf(key)}\n`;

  if (url === null) {
    const { session, losses } = await readState(values['playwright-state'] as string);
    const written = await naming('FILE_WRITE', out, () => writeSessionFile({ ...session, ...name }, out, { keys: key }));
    print(values, { id: session.id, ...written, losses }, `${showLosses(losses, 'what is not carried')}${showWritten(written)}`);
    return;
  }

  await using driver = cdp(url);
  const captured = await withInterrupt('the capture was called off; nothing was written', (signal) =>
    naming('FILE_WRITE', out, () => captureToFile(driver, out, { ...options, signal, keys: key })),
  );
  const { report, ...written } = captured;
  print(values, { ...written, ...report }, `captured ${showCounts(report.counts)}\n${showEntries(report)}${showWritten(written)}`);
  demandComplete(report, 'the file holds the rest');
}

async function readState(path: string): Promise<ReturnType<typeof readStorageState>> {
  return readStorageState(parseJson(await readWhole(path)), { id: crypto.randomUUID(), incarnation: crypto.randomUUID(), now: Date.now() });
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    // The platform's message quotes the text, which is full of secrets.
    throw new CliFailure('FORMAT_MALFORMED', 'the storage state is not JSON in UTF-8');
  }
}
