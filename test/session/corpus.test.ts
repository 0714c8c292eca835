/**
 * The shared corpus of schema cases: every verdict, every pointer, and no value in any message. Each case is an example of a rule; the rules are tested
 * in `semantic/` and `json.test.ts` without it. Absent data is said, not hidden.
 */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { decodeSession } from '../../ts/blob/decode.ts';
import { encodeSession } from '../../ts/blob/encode.ts';
import { validateBlob } from '../../ts/cli/validate.ts';
import { findFaults } from '../../ts/session/generated/validator.ts';
import { hasError, type Issue } from '../../ts/session/issue.ts';
import { parseJson } from '../../ts/session/json.ts';
import { loadJudge } from '../oracle/hyperjump.ts';
import { translateNeutral } from '../oracle/neutral.ts';

const file = fileURLToPath(new URL('../../../shared/data/schema/cases.jsonl', import.meta.url));
const NOW = Date.parse('2026-11-22T00:00:00Z');

interface Recipe {
  readonly template: string;
  readonly replace: string;
  readonly repeat?: string;
  readonly open?: string;
  readonly close?: string;
  readonly item?: string;
  readonly join?: string;
  readonly times: number;
}

interface Case {
  readonly id: string;
  readonly kind: string;
  readonly verdict: 'valid' | 'invalid';
  readonly level: string;
  readonly pointer: string | null;
  readonly alsoPointers?: readonly string[];
  readonly defect: string;
  readonly session?: unknown;
  readonly text?: string;
  readonly bytesBase64?: string;
  readonly recipe?: Recipe;
  readonly expand?: { readonly pointer: string; readonly repeat: string; readonly times: number };
  readonly expectNotice?: string;
  readonly expectCode?: string;
  readonly either?: boolean;
}

function bytesOf(one: Case): Uint8Array {
  if (one.bytesBase64 !== undefined) return Buffer.from(one.bytesBase64, 'base64');
  if (one.text !== undefined) return Buffer.from(one.text);
  const { recipe } = one;
  if (recipe === undefined) return Buffer.from(JSON.stringify(one.session));
  const { template, replace, repeat, open, close, item, join, times } = recipe;
  const fill =
    repeat !== undefined
      ? repeat.repeat(times)
      : open !== undefined
        ? open.repeat(times) + (close ?? '').repeat(times)
        : new Array(times).fill(item).join(join);
  return Buffer.from(template.replace(replace, () => fill));
}

/** The text blob of a case, or the issues that keep it from being one. */
function blobOf(one: Case): { blob: Buffer; toNeutral: (pointer: string) => string } | Issue[] {
  const parsed = parseJson(bytesOf(one));
  if (hasError(parsed.issues)) return parsed.issues;
  if (one.expand) place(parsed.value, one.expand.pointer, one.expand.repeat.repeat(one.expand.times));
  const { header, state, lines, toNeutral } = translateNeutral(parsed.value);
  return { blob: Buffer.from([JSON.stringify(header), JSON.stringify(state), ...lines, ''].join('\n')), toNeutral };
}

/** The state document of a text blob, with the hash of its content in place of each reference. */
function stateOf(blob: Uint8Array): unknown {
  const [header = '', state = ''] = Buffer.from(blob).toString().split('\n');
  const { sections } = JSON.parse(header) as { sections: { id: string; sha256: string }[] };
  const hashes = new Map(sections.map(({ id, sha256 }) => [id, sha256]));
  return JSON.parse(state, (name, value: unknown) => (name === '$section' ? hashes.get(String(value)) : value));
}

/** In neutral pointers. */
async function judge(one: Case): Promise<Issue[]> {
  const made = blobOf(one);
  if (Array.isArray(made)) return made;
  return (await validateBlob(made.blob, NOW)).map((issue) => ({ ...issue, pointer: made.toNeutral(issue.pointer) }));
}

function place(document: unknown, pointer: string, value: string): void {
  const names = pointer.split('/').slice(1);
  const last = names.pop() as string;
  let at = document as Record<string, unknown>;
  for (const name of names) at = at[name] as Record<string, unknown>;
  at[last] = value;
}

const cases = existsSync(file)
  ? readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Case)
  : [];
if (cases.length === 0) console.warn(`SKIPPED: the corpus of schema cases is not there (${file})`);

describe.skipIf(cases.length === 0)('the corpus', () => {
  test.each(cases.map((one) => [one.id, one.defect, one] as const))('%s: %s', async (_id, _defect, one) => {
    const issues = await judge(one);
    const errors = issues.filter(({ severity }) => severity === 'error');
    const shown = issues.map(({ code, pointer, severity, stage }) => ({ code, pointer, severity, stage }));
    if (one.either !== true) expect({ valid: errors.length === 0, shown }).toEqual({ valid: one.verdict === 'valid', shown });
    if (one.verdict === 'invalid') {
      const wanted = [one.pointer, ...(one.alsoPointers ?? [])];
      expect({ pointers: [...new Set(errors.map(({ pointer }) => pointer))].sort(), shown }).toEqual({ pointers: wanted.sort(), shown });
    }
    if (one.expectNotice !== undefined) {
      expect(issues.flatMap(({ code, severity }) => [code, severity])).toContain(one.expectNotice);
    }
    if (one.expectCode !== undefined) expect(issues.map(({ code }) => code)).toEqual([one.expectCode]);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  const documents = cases.filter(({ verdict, session }) => verdict === 'valid' && session !== undefined);
  test.each(documents.map((one) => [one.id, one] as const))(
    '%s: load and save give back every value, in both framings',
    async (_id, one) => {
      const made = blobOf(one);
      if (Array.isArray(made)) throw new Error('a valid case that is no JSON');
      const options = { textSectionUnits: Number.POSITIVE_INFINITY };
      for (const framing of ['text', 'packed'] as const) {
        const saved = await encodeSession(await decodeSession(made.blob), { ...options, framing });
        expect(stateOf(await encodeSession(await decodeSession(saved), options))).toEqual(stateOf(made.blob));
      }
    },
  );

  test('an independent validator judges every document of the corpus as the generated code does', async () => {
    const judge = await loadJudge('2.0');
    let judged = 0;
    for (const one of cases.filter(({ session }) => session !== undefined)) {
      const { header, state } = JSON.parse(JSON.stringify(translateNeutral(one.session))) as { header: unknown; state: unknown };
      for (const [part, document] of [['header', header] as const, ['state', state] as const]) {
        expect([one.id, part, findFaults(part, '2.0', document, 1).length === 0]).toEqual([one.id, part, judge[part](document)]);
        judged++;
      }
    }
    expect(judged).toBeGreaterThan(100);
  });

  test('no message holds a value: with a secret put into every string', async () => {
    const secret = 'S3CRETVALUE';
    const plant = (value: unknown): unknown => {
      if (typeof value === 'string') return /^(?:https?:|[0-9{]|s\d|\/)/.test(value) ? value : value + secret;
      if (Array.isArray(value)) return value.map(plant);
      if (typeof value !== 'object' || value === null) return value;
      return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, name.startsWith('$') ? member : plant(member)]));
    };
    for (const one of cases.filter(({ session }) => session !== undefined)) {
      for (const session of [plant(one.session), one.session]) {
        const { header, state, lines } = translateNeutral(session);
        const issues = await validateBlob(Buffer.from([JSON.stringify(header), JSON.stringify(state), ...lines, ''].join('\n')), NOW);
        expect(JSON.stringify(issues)).not.toContain(secret);
        expect(JSON.stringify(issues.map(({ message }) => message))).not.toMatch(/abc123|dark/);
      }
    }
  });
});
