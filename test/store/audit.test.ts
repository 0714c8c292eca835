/** The audit log: what is in it, that no change of it goes unnoticed, and that its chain goes on where a rotation was stopped. */

import { describe, expect, test } from 'vitest';
import { deriveMacKey, generateMacKey, MacKey, secretOf } from '../../ts/envelope/key.ts';
import { open } from '../../ts/envelope/open.ts';
import { peek } from '../../ts/envelope/peek.ts';
import { seal } from '../../ts/envelope/seal.ts';
import { type AuditEntry, AuditWriter, verifyAudit } from '../../ts/store/audit.ts';
import { rotateStore } from '../../ts/store/rotate.ts';
import { failureOf, keyOf, secretOfByte } from '../envelope/fixture.ts';
import { expectNoSecret } from '../envelope/leak.ts';
import { contentOf, contextOf, filled, keysOf, logOf, NEW, NOW, OLD, promoted, withFault } from './rotation-fixture.ts';

const KEY = new MacKey('audit', secretOfByte(7));
const now = (): number => NOW;

/** A log of `count` entries, of which each is like no other. */
async function logWith(count: number): Promise<string[]> {
  const log = logOf(KEY);
  const writer = await AuditWriter.open(log);
  for (let at = 0; at < count; at++) await writer.write(entry(at));
  return log.lines();
}

function entry(at: number): AuditEntry {
  return { timeMs: NOW + at, mode: 'rewrap', outcome: 'done', blobId: at.toString(16).padStart(32, '0'), from: ['old'], to: ['new'] };
}

async function faultOf(lines: readonly string[], keys = KEY, options = {}): Promise<unknown> {
  const error = await failureOf(() => verifyAudit(lines, keys, options));
  return [error.code, error.details['line'], error.details['fault']];
}

describe('the entries of a rotation', () => {
  test('one for each blob, with its keys before and after, mode, time and outcome', async () => {
    const provider = await filled(2);
    await provider.put('clear', contentOf('clear'));
    await provider.put('foreign', await seal(contentOf('x'), keyOf('foreign', 8)));
    await provider.put('new', await seal(contentOf('new'), NEW, contextOf('new')));
    const ids = await Promise.all(keysOf(2).map(async (key) => peek((await provider.get(key))!.value).unverified.blobId));
    const log = logOf(KEY);
    await rotateStore(provider, promoted(), { mode: 'reseal', contextOf, now, audit: log, concurrency: 1 });
    const { entries } = verifyAudit(log.lines(), KEY);
    const fixed = { timeMs: NOW, mode: 'reseal', to: ['new'] };
    expect(entries).toEqual([
      { ...fixed, outcome: 'done', blobId: ids[0], newBlobId: expect.stringMatching(/^[0-9a-f]{32}$/), from: ['old'] },
      { ...fixed, outcome: 'done', blobId: ids[1], newBlobId: expect.stringMatching(/^[0-9a-f]{32}$/), from: ['old'] },
      { ...fixed, outcome: 'failed', code: 'ENVELOPE_NOT_SEALED', blobId: null, from: [] },
      { ...fixed, outcome: 'failed', code: 'KEY_UNKNOWN', blobId: expect.any(String), from: ['foreign'] },
      { ...fixed, outcome: 'skipped', blobId: expect.any(String), from: ['new'] },
    ]);
    const { value } = (await provider.get('blob-0000'))!;
    expect(entries[0]!.newBlobId).toBe(peek(value).unverified.blobId);
  });

  test('a conflict has one too', async () => {
    const provider = await filled(1);
    const raced = withFault(provider, {
      async put(key, value, options) {
        await provider.put(key, await seal(contentOf('again'), OLD, contextOf(key)));
        return provider.put(key, value, options);
      },
    });
    const log = logOf(KEY);
    await rotateStore(raced, promoted(), { mode: 'rewrap', now, audit: log });
    expect(verifyAudit(log.lines(), KEY).entries).toMatchObject([{ outcome: 'conflicted', from: ['old'] }]);
  });

  test('no key, no plaintext and no name of a record is in them', async () => {
    const provider = await filled(3);
    const log = logOf(deriveMacKey(NEW));
    await rotateStore(provider, promoted(), { mode: 'reseal', contextOf, now, audit: log });
    expectNoSecret([log.text], secretOf(OLD));
    expectNoSecret([log.text], secretOf(NEW));
    expect(log.text).not.toContain('blob-0');
    expect(log.text).not.toContain('content of');
    for (const key of keysOf(3)) {
      const plaintext = await open((await provider.get(key))!.value, NEW, contextOf(key));
      expect(log.text).not.toContain(Buffer.from(plaintext).toString('base64').slice(0, 16));
    }
  });

  test('a dry run writes none', async () => {
    const log = logOf(KEY);
    await rotateStore(await filled(2), promoted(), { mode: 'rewrap', now, dryRun: true, audit: log });
    expect(log.text).toBe('');
  });

  test('a log that cannot be written ends the rotation', async () => {
    const provider = await filled(20);
    let appends = 0;
    const full = {
      ...logOf(KEY),
      append() {
        if (++appends === 3) throw new Error('no space left');
      },
    };
    await expect(rotateStore(provider, promoted(), { mode: 'rewrap', now, audit: full, concurrency: 2 })).rejects.toThrow('no space left');
    const kids = await Promise.all(keysOf(20).map(async (key) => peek((await provider.get(key))!.value).unverified.wraps[0]!.kid));
    expect(kids.filter((kid) => kid === 'new').length).toBeLessThanOrEqual(5);
  });
});

describe('the chain', () => {
  test('of an untouched log is verified, and gives its head', async () => {
    const lines = await logWith(5);
    const { entries, head } = verifyAudit(lines, KEY);
    expect(entries).toEqual([0, 1, 2, 3, 4].map(entry));
    expect(head).toBe((JSON.parse(lines[4]!) as { mac: string }).mac);
    expect(verifyAudit(lines, KEY, { head })).toEqual({ entries, head });
    expect(verifyAudit([], KEY)).toEqual({ entries: [], head: null });
  });

  test('every character of a line that is changed is found', async () => {
    const lines = await logWith(3);
    const line = lines[1]!;
    for (let at = 0; at < line.length; at++) {
      const changed = `${line.slice(0, at)}${line[at] === '1' ? '2' : '1'}${line.slice(at + 1)}`;
      const error = await failureOf(() => verifyAudit([lines[0]!, changed, lines[2]!], KEY));
      expect([at, error.details['line']]).toEqual([at, 2]);
      expect(['ENVELOPE_TAMPERED', 'KEY_UNKNOWN']).toContain(error.code);
    }
  });

  test('a line that is written in another way is found: spaces, escapes, another order, a member more', async () => {
    const [line] = await logWith(1);
    const value = JSON.parse(line!) as Record<string, unknown>;
    const { mac, ...rest } = value;
    for (const changed of [
      `${line} `,
      line!.replace('"old"', '"\\u006fld"'),
      line!.replace('"n":1', '"n":1.0'),
      JSON.stringify({ mac, ...rest }),
      JSON.stringify({ ...value, note: 1 }),
      line!.replace('{', '{"n":2,'),
    ]) {
      expect((await faultOf([changed])) as unknown[]).toEqual(['ENVELOPE_TAMPERED', 1, expect.stringMatching(/changed|malformed/)]);
    }
  });

  test('lines that are dropped, doubled or exchanged are found at their place', async () => {
    const [a, b, c, d] = (await logWith(4)) as [string, string, string, string];
    expect(await faultOf([b, c, d])).toEqual(['ENVELOPE_TAMPERED', 1, 'order']);
    expect(await faultOf([a, c, d])).toEqual(['ENVELOPE_TAMPERED', 2, 'order']);
    expect(await faultOf([a, b, b, c, d])).toEqual(['ENVELOPE_TAMPERED', 3, 'order']);
    expect(await faultOf([a, c, b, d])).toEqual(['ENVELOPE_TAMPERED', 2, 'order']);
    expect(await faultOf([a, b, '', d])).toEqual(['ENVELOPE_TAMPERED', 3, 'malformed']);
  });

  test('lines of another log of the same key do not fit in', async () => {
    const [a, b] = (await logWith(2)) as [string, string];
    const log = logOf(KEY);
    await (await AuditWriter.open(log)).write(entry(99));
    const other = log.lines()[0]!;
    expect(await faultOf([other, b])).toEqual(['ENVELOPE_TAMPERED', 2, 'order']);
    expect(verifyAudit([a, b], KEY).entries.length).toBe(2);
  });

  test('a cut at the end is found only by who kept the head', async () => {
    const lines = await logWith(3);
    const { head } = verifyAudit(lines, KEY);
    expect(verifyAudit(lines.slice(0, 2), KEY).entries.length).toBe(2);
    expect(await faultOf(lines.slice(0, 2), KEY, { head })).toEqual(['ENVELOPE_TAMPERED', 2, 'end']);
    expect(await faultOf([], KEY, { head })).toEqual(['ENVELOPE_TAMPERED', 0, 'end']);
  });

  test('nobody without the key can write a line, and no message repeats one', async () => {
    const lines = await logWith(2);
    expect((await failureOf(() => verifyAudit(lines, generateMacKey('audit')))).details).toEqual({ line: 1, fault: 'changed' });
    const error = await failureOf(() => verifyAudit(lines, new MacKey('other', secretOfByte(7))));
    expect([error.code, error.details['line']]).toEqual(['KEY_UNKNOWN', 1]);
    for (const line of ['{"secret', 'null', '[]', '{"n":1,"kid":"s3cret"}', lines[0]!.replace('"kid":"audit"', '"kid":"s3cret"')]) {
      const { message, cause } = await failureOf(() => verifyAudit([line], KEY));
      expect(message).not.toMatch(/s3cret|"secret/);
      expect(cause).toBeUndefined();
    }
  });

  test('goes on under a new key, and is verified with both', async () => {
    const lines = await logWith(2);
    const next = generateMacKey('next');
    const log = logOf([next, KEY], `${lines.join('\n')}\n`);
    await (await AuditWriter.open(log)).write(entry(2));
    expect(verifyAudit(log.lines(), [KEY, next]).entries).toEqual([0, 1, 2].map(entry));
    expect((await failureOf(() => verifyAudit(log.lines(), KEY))).details['line']).toBe(3);
  });

  test('is not continued behind a line that is not authentic', async () => {
    const lines = await logWith(2);
    const forged = logOf(KEY, `${lines[0]}\n${lines[1]!.replace('done', 'skipped')}\n`);
    await expect(rotateStore(await filled(1), promoted(), { mode: 'rewrap', now, audit: forged })).rejects.toMatchObject({
      code: 'ENVELOPE_TAMPERED',
    });
    const stranger = logOf(generateMacKey('stranger'), `${lines[0]}\n`);
    await expect(AuditWriter.open(stranger)).rejects.toMatchObject({ code: 'KEY_UNKNOWN' });
  });

  test('keeps the order in which entries came while the log is busy, and gives it several at once', async () => {
    const log = logOf(KEY);
    let appends = 0;
    const slow = {
      ...log,
      last: () => null,
      async append(lines: string) {
        appends++;
        await new Promise((resolve) => setImmediate(resolve));
        log.append(lines);
      },
    };
    const writer = await AuditWriter.open(slow);
    await Promise.all(Array.from({ length: 50 }, (_, at) => writer.write(entry(at))));
    expect(verifyAudit(log.lines(), KEY).entries.map(({ timeMs }) => timeMs - NOW)).toEqual(Array.from({ length: 50 }, (_, at) => at));
    expect(appends).toBeLessThan(10);
  });
});
