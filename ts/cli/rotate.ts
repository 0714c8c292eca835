/** `psp rotate`: every blob of a store onto the primary key of a ring. */
import { stat } from 'node:fs/promises';
import { filesystem } from '../../providers/filesystem.ts';
import type { SealContext } from '../envelope/context.ts';
import { KeyRing } from '../envelope/keyring.ts';
import type { StorageProvider } from '../provider.ts';
import type { AuditLog } from '../store/audit.ts';
import { type RotateOptions, type RotationResult, rotateStore } from '../store/rotate.ts';
import { parseCount, print, readArguments } from './arguments.ts';
import { macKeysOf, withAuditFile } from './audit-file.ts';
import { checkpointIn } from './checkpoint-file.ts';
import { CliFailure, usage } from './failure.ts';
import { reasonOf } from './file.ts';
import { withInterrupt } from './interrupt.ts';
import { showFailures } from './item-failure.ts';
import { findMacKey, KEY_OPTIONS, MAC_OPTIONS, readKey } from './key-source.ts';
import { openStore } from './store-option.ts';

/** Rotates a store. Exit status 1 when a record was left behind, after everything else was done. */
export async function runRotate(args: readonly string[]): Promise<void> {
  const { values, positionals } = readArguments(args, {
    ...KEY_OPTIONS,
    ...MAC_OPTIONS,
    mode: { type: 'string' },
    all: { type: 'boolean' },
    'dry-run': { type: 'boolean' },
    checkpoint: { type: 'string' },
    audit: { type: 'string' },
    concurrency: { type: 'string' },
    prefix: { type: 'string' },
    context: { type: 'string' },
    tenant: { type: 'string' },
    store: { type: 'string' },
    json: { type: 'boolean' },
  });
  const [root, ...more] = positionals;
  const { store = root } = values;
  if (store === undefined || more.length > 0 || (root !== undefined && store !== root))
    throw usage('rotate needs the FOLDER of one store, or --store');
  const { mode = 'rewrap', all = false, audit, 'dry-run': dryRun = false } = values;
  if (mode !== 'rewrap' && mode !== 'reseal') throw usage('--mode is rewrap or reseal');
  if (all && mode !== 'reseal') throw usage('--all goes with --mode reseal');
  const contextOf = contextRule(values.context, values.tenant);
  const options = {
    mode,
    all,
    dryRun,
    concurrency: values.concurrency === undefined ? 4 : parseCount('concurrency', values.concurrency, 256),
    ...(contextOf === null ? {} : { contextOf }),
    ...(values.prefix === undefined ? {} : { prefix: values.prefix }),
    ...(values.checkpoint === undefined ? {} : { checkpoint: checkpointIn(values.checkpoint) }),
  } satisfies RotateOptions;
  if (root !== undefined) await expectFolder(root);
  const ring = await readKey(values);
  if (!(ring instanceof KeyRing)) throw usage('rotate needs a key ring, with the keys that blobs are on and the one they are to be on');
  const macKey = audit === undefined ? null : await findMacKey(values);

  const run = async (log: AuditLog | null): Promise<RotationResult> => {
    const provider = root === undefined ? await openStore(store) : filesystem({ root });
    return rotateIn(provider, ring, { ...options, ...(log === null ? {} : { audit: log }) });
  };
  const keys = [...(macKey === null ? [] : [macKey]), ...macKeysOf(ring)];
  const result = audit === undefined || dryRun ? await run(null) : await withAuditFile(audit, keys, run);
  print(values, asJson(result), showResult(result, dryRun));
  const left = result.failed.length + result.conflicted;
  if (left > 0)
    throw new CliFailure('ROTATE_INCOMPLETE', `${left} of ${left + result.done + result.skipped} records were left as they are`);
}

/** Ctrl-C ends the rotation between two records, with its checkpoint written; a second one ends it at once. */
async function rotateIn(provider: StorageProvider, ring: KeyRing, options: RotateOptions): Promise<RotationResult> {
  try {
    return await withInterrupt('the rotation was called off; run it again to go on', (signal) =>
      rotateStore(provider, ring, { ...options, signal }),
    );
  } finally {
    await provider.close();
  }
}

/** The context of each record, or null for none: a rewrap does not need it, and a reseal then takes the empty one. */
function contextRule(context: string | undefined, tenant: string | undefined): ((key: string) => SealContext) | null {
  if (context !== undefined && context !== 'key' && context !== 'none')
    throw usage('--context is key (the session id is the key of the record) or none');
  const named = tenant === undefined ? {} : { tenant };
  if (context === 'key') return (key) => ({ ...named, sessionId: key });
  return tenant === undefined ? null : () => named;
}

async function expectFolder(root: string): Promise<void> {
  const found = await stat(root).catch((cause: unknown) => {
    throw new CliFailure('FILE_READ', `the store cannot be read: ${reasonOf(cause)}`, { cause });
  });
  if (!found.isDirectory()) throw new CliFailure('FILE_READ', 'the store cannot be read: it is no folder');
}

function asJson({ failed, ...counts }: RotationResult): object {
  return { ...counts, failed: failed.map(({ key, code }) => ({ key, code })) };
}

function showResult({ done, skipped, conflicted, failed, resumed }: RotationResult, dryRun: boolean): string {
  const failures = failed.map(({ key, code }) => ({ name: key ?? '(its name cannot be read)', code: code ?? 'UNEXPECTED' }));
  const head = `${dryRun ? 'would rotate' : 'rotated'} ${done}, ${skipped} needed nothing, ${conflicted} were changed by others meanwhile, ${failed.length} failed`;
  return `${showFailures('left as it is', failures)}${head}${resumed ? ' (after a checkpoint)' : ''}\n`;
}
