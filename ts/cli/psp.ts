#!/usr/bin/env node
/** The `psp` command: finds the verb, loads and runs it, and turns every failure into one line and exit status 1. */
import { readFile } from 'node:fs/promises';
import { activeKernel } from '../kernel/select.ts';
import { CliFailure, describeFailure, EXIT_STATUS, usage } from './failure.ts';
import { reasonOf } from './file.ts';

const HELP = `psp - log in once, carry the browser session anywhere

  psp key new -o KEYFILE                                make a key; with --mac, one for integrity tags
  psp key new --ring RING                               make a key ring, or add a key to it; also key import --ring RING
  psp key list --ring RING                              the keys of a ring and their states
  psp key promote KID --ring RING                       the key that seals from now on; also key revoke, key destroy
  psp capture --cdp http://127.0.0.1:9222 -o FILE       capture a running Chromium
  psp capture --playwright-state STATE.json -o FILE     import a Playwright storage state
  psp inspect FILE                                      names, sizes and expiry; no values
  psp validate FILE                                     every fault of a file by its place; exit status 3 when not valid
  psp diff A B                                          what differs, without values; exit status 2 when something does
  psp merge A B [C...] -o OUT                           one session out of several; --log LOG keeps what lost
  psp log LOG                                           what lost to what; with --verify, whether the log is whole
  psp show FILE                                         a line for each entry, without values: for git diff
  psp restore FILE --cdp http://127.0.0.1:9222          restore into a running Chromium
  psp restore FILE --playwright-state STATE.json        export as a Playwright storage state
  psp seal FILE -o OUT                                  seal any file; psp open FILE -o OUT opens it
  psp verify FILE                                       is it whole and authentic; with --tag, without a key that opens
  psp import FILE|FOLDER|- --store STORE                session files into a store, each checked by itself
  psp export FOLDER|- --store STORE                     sessions out of a store, as files or as lines that import reads
  psp rotate FOLDER --key-file RING                     bring a store onto the ring's primary key; or --store

A STORE is a folder, filesystem:PATH, lmdb:PATH, redis://HOST:PORT/DB, s3://BUCKET/PREFIX?endpoint=URL&region=NAME
or cloudflare-kv://ACCOUNT/NAMESPACE, by their ids; passwords, access keys and tokens come from REDIS_PASSWORD,
AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and CLOUDFLARE_API_TOKEN.

Keys and rings come from --key-file FILE, from a descriptor (--key-fd N), from the variable PSP_KEY, or from a prompt
(--prompt); passphrases, for a blob or for a key file that is sealed, from --passphrase-file, --passphrase-fd,
PSP_PASSPHRASE or --passphrase-prompt; MAC keys from --mac-key-file, --mac-key-fd, PSP_MAC_KEY or --mac-prompt.
None is ever an argument.

  --origin URL     capture: also this origin, though it is not open (may be repeated)
  --name TEXT      capture: a name for the session; key new: the name of the key
  --history-states capture: also history.state of entries that a tab does not show: it is led along them
  --kind KIND, --origin URL          restore: only this, such as cookie or localStorage (may be repeated)
  --keep           restore: remove nothing; where both have an entry the one of FILE wins
  --open           restore: load the tabs from their sites afterwards
  --timeout SEC    time limit for each page, origin and database (default 15)
  --stat           diff: counts by kind
  --reveal         diff: with the values
  --base O         merge: A and B come from O: what is missing in one of them was deleted there
  --policy KIND=NAME                 merge: who wins, such as cookie=prefer-fresh-token; NAME alone for every kind
  --id ID          merge: id of the merged session, where the files have different ones; log: whose log it is
  --strict         merge: exit status 2 when a person should look at something
  --rekey          merge: records that lost a generated key to another one get keys of their own
  --restamp        merge, import: writes from ahead of this machine's clock, which are refused, are put at its time
  --actor TEXT     merge: who merges, for the log
  --names          merge: record keys, addresses of requests and member names stand in the log as they are
  --git O A B      merge: as a merge driver of git, which gives %O %A %B; the result replaces A
  --verify --session FILE            log: verify the chain, with the key that the session was merged with; or --id
  --not-after DATE key new --ring: when the key stops sealing
  --reason WHY     key revoke: compromised (demands a reseal) or retired
  --kdf NAME       key new, seal: argon2id, scrypt or pbkdf2-sha256, for a new passphrase
  --armor          seal: as text
  --fields         seal: a session, its secrets one by one, the rest readable; --previous OLD keeps what did not change
  --tag FILE       seal: write an integrity tag, with a MAC key; verify: check it
  --tenant TEXT, --session-id TEXT   seal, open, verify, diff, merge, show, log: for whom and what it is sealed
  --mode MODE      rotate: rewrap (new wraps, the default) or reseal (new data keys too)
  --all            rotate: reseal also what is on the primary key already
  --dry-run        rotate: write nothing
  --checkpoint FILE                  rotate, import, export into a folder: where it goes on after it was stopped
  --audit FILE     rotate: a log of what it did
  --prefix TEXT, --concurrency N     rotate, export: only what begins so; also import: so many records at once
  --context RULE   rotate: key (the session id is the key of the record) or none; with --tenant
  --verify LEVEL   import: header, hashes (sections, or the tag FILE.tag of a sealed file) or full (the default)
  --on-conflict R  import: skip (the default), replace or merge with what is stored under the same id
  --context none   import: FILE is a loose sealed file, such as psp capture writes
  --clear          import, export: the store keeps sessions in the clear
  --form FORM      export: stored (the bytes of the store, the default), packed or text (clear blobs)
  --id ID          export: only this session (may be repeated); or --prefix
  --namespace N, --tenant TEXT       import, export: which part of the store, and whose
  --threads N      import: threads beside its own, 0 to 64; by itself up to 4, when there is much
  --max-mib N      import: most that is in memory at a time, about a third of it (64)
  --audit, --head HEX                verify: FILE is an audit log, which ends with this MAC; log: --head
  --json           machine-readable output
  --version, --help

Exit status: 0 done; 1 failed, or something was lost, with one line "psp: CODE: ..." on standard error; 2 diff found a
difference, or merge --strict a conflict; 3 validate found an error.
`;

type Verb = (args: readonly string[]) => Promise<void>;

/** Each loads what it needs and no more: loading is most of what a small command does. */
const VERBS: Readonly<Record<string, () => Promise<Verb>>> = {
  capture: async () => (await import('./capture.ts')).runCapture,
  restore: async () => (await import('./restore.ts')).runRestore,
  inspect: async () => (await import('./inspect.ts')).runInspect,
  show: async () => (await import('./show.ts')).runShow,
  validate: async () => (await import('./validate.ts')).runValidate,
  diff: async () => (await import('./diff.ts')).runDiff,
  merge: async () => (await import('./merge.ts')).runMerge,
  log: async () => (await import('./log.ts')).runLog,
  seal: async () => (await import('./seal.ts')).runSeal,
  open: async () => (await import('./seal.ts')).runOpen,
  verify: async () => (await import('./verify.ts')).runVerify,
  rotate: async () => (await import('./rotate.ts')).runRotate,
  import: async () => (await import('./import.ts')).runImport,
  export: async () => (await import('./export.ts')).runExport,
  key: async () => (await import('./key.ts')).runKey,
};

/** The beginning of a key, wherever it stands: also one given as a file name would end up in a message. */
const KEY_TEXT = /PSP[KM]1\.[A-Za-z0-9_-]{1,64}\.[A-Za-z0-9+/]|"psp-key-ring"/;
/** Options that people try, and that would take a secret. */
const SECRET_OPTION = /^--(key|mac-key|passphrase)(=|$)/;

async function main(args: readonly string[]): Promise<void> {
  const [verb, ...rest] = args;
  if (verb === undefined || verb === '--help' || verb === '-h' || rest.includes('--help')) {
    process.stdout.write(HELP);
    return;
  }
  if (verb === '--version') {
    process.stdout.write(`${await version()}\n`);
    return;
  }
  if (args.some((arg) => SECRET_OPTION.test(arg) || KEY_TEXT.test(arg)))
    throw usage('a key is never an argument: use --key-file, --key-fd, PSP_KEY or --prompt, and the like for passphrases and MAC keys');
  const load = Object.hasOwn(VERBS, verb) ? VERBS[verb] : undefined;
  if (load === undefined) throw usage(`the verbs are ${Object.keys(VERBS).join(', ')}`);
  // From here on Base64 sections go through the compiled kernel where it starts.
  activeKernel();
  const run = await load();
  await run(rest);
}

async function version(): Promise<string> {
  const manifest = JSON.parse(await readFile(new URL('../../../package.json', import.meta.url), 'utf8')) as { version: string };
  return manifest.version;
}

/** `parseArgs` quotes the argument it stumbles over: only what is wrong goes on. */
function withoutArguments(error: unknown): unknown {
  const code = (error as { code?: unknown }).code;
  if (typeof code !== 'string' || !code.startsWith('ERR_PARSE_ARGS')) return error;
  const reasons: Record<string, string> = {
    ERR_PARSE_ARGS_UNKNOWN_OPTION: 'there is an option that this verb does not have',
    ERR_PARSE_ARGS_UNEXPECTED_POSITIONAL: 'there is an argument too many',
    ERR_PARSE_ARGS_INVALID_OPTION_VALUE: 'an option lacks its value, or has one that it does not take',
  };
  return usage(reasons[code] ?? 'the arguments are wrong');
}

function fail(error: unknown): void {
  process.stderr.write(`${describeFailure(error)}\n`);
  process.exitCode = EXIT_STATUS.failed;
}

process.stdout.on('error', (cause) => {
  // `psp inspect FILE | head -1`: a reader that has seen enough is no failure. A disk that is full is one.
  if (reasonOf(cause) !== 'EPIPE') fail(new CliFailure('FILE_WRITE', `standard output cannot be written: ${reasonOf(cause)}`, { cause }));
});

try {
  await main(process.argv.slice(2));
} catch (error) {
  fail(withoutArguments(error));
}
