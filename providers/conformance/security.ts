/** Cases: nothing that a provider says tells what it keeps, for whom, or how it is reached. */

import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import type { ConformanceGroup } from './case.ts';
import { bytes, collect, expectBytes, expectCode, expectSame, expectSilent, failureOf, keysOf, present } from './observe.ts';

/** Letters with a meaning in patterns, commands, paths, markup and addresses, each in a key of its own, and what they might be taken for. */
const INJECTIONS = [
  ...[
    '*',
    '?',
    '[abc]',
    '[^a]',
    '\\*',
    'a*',
    '**',
    '{a,b}',
    'a|b',
    '.*',
    '%',
    '_',
    "' OR ''='",
    '; FLUSHALL',
    '\r\nFLUSHALL\r\n',
    '$(id)',
    '`id`',
  ],
  ...[
    '</Key><Key>x',
    '&lt;',
    '<!--',
    ']]>',
    '<?xml?>',
    '?prefix=x',
    '&delete',
    '#x',
    '?versionId=null',
    'x?uploads',
    '../x',
    '..%2fx',
    '\u0000'.slice(1),
  ],
].filter((key) => key !== '');

/** Silence, and keys as plain names. */
export const security: ConformanceGroup = {
  name: 'security',
  cases: [
    {
      name: 'errors-tell-nothing',
      says: 'an error tells neither the value, nor the metadata, nor the key, nor a version',
      async run({ provider }) {
        const key = 'KEYSECRET.keysecret';
        const value = Buffer.from('VALUESECRET');
        const { maxKeyBytes, conditionalPut, conditionalDelete } = provider.capabilities;
        const { version } = await provider.put(key, value, { metadata: { m: 'METASECRET' } });
        await provider.put(key, value);
        const failures: unknown[] = [
          await expectCode(provider.put(`${key}\0`, value), 'PROVIDER_INVALID_KEY'),
          await expectCode(provider.put(key.repeat(maxKeyBytes), value), 'PROVIDER_INVALID_KEY'),
          await expectCode(provider.put(key, value, { metadata: { m: 'METASECRET'.repeat(200) } }), 'PROVIDER_TOO_LARGE'),
          await expectCode(provider.listPage({ cursor: 'CURSORSECRET', prefix: key }), 'PROVIDER_CURSOR'),
          await failureOf(provider.put(key, value, { metadata: { METASECRET: '\ud800' } })),
          await failureOf(provider.put(key, 'VALUESECRET' as never)),
        ];
        if (conditionalPut) {
          failures.push(await expectCode(provider.put(key, value, { ifNoneMatch: '*' }), 'PROVIDER_CONFLICT'));
          failures.push(await expectCode(provider.put(key, value, { ifMatch: version }), 'PROVIDER_CONFLICT'));
        }
        if (conditionalDelete) failures.push(await expectCode(provider.delete(key, { ifMatch: version }), 'PROVIDER_CONFLICT'));
        await provider.close();
        failures.push(await expectCode(provider.put(key, value), 'PROVIDER_CLOSED'));
        for (const failure of failures) expectSilent(failure, ['secret', value.toString('hex'), value.toString('base64'), version]);
      },
    },
    {
      name: 'provider-tells-nothing',
      says: 'a provider that is printed, or made into JSON, tells no secret and nothing that it keeps',
      async run({ provider, bare, subject }) {
        await provider.put('KEYSECRET', Buffer.from('VALUESECRET'), { metadata: { m: 'METASECRET' } });
        await provider.get('KEYSECRET');
        const text = [inspect(bare, { depth: 10, showHidden: true }), JSON.stringify(bare), String(bare)].join('\n').toLowerCase();
        for (const secret of ['keysecret', 'valuesecret', 'metasecret', ...(subject.secrets ?? [])]) {
          assert.ok(!text.includes(secret.toLowerCase()), 'a printed provider holds a secret');
        }
      },
    },
    {
      name: 'secrets-not-in-errors',
      says: 'errors of every kind, and the health of a closed provider, hold no secret of the connection (checked after every other case, too)',
      needs: ['secrets'],
      async run({ provider, subject }) {
        const { version } = await provider.put('key', bytes(1));
        const failures = await Promise.all([
          failureOf(provider.get('')),
          failureOf(provider.put('key', bytes(1), { expiresAt: -1 })),
          failureOf(provider.listPage({ cursor: 'x' })),
          failureOf(provider.get('key', { signal: AbortSignal.abort() })),
          failureOf(provider.put('key', bytes(1), { ifMatch: `${version}x` as typeof version })),
        ]);
        await provider.close();
        failures.push(await failureOf(provider.get('key')), await provider.health());
        for (const failure of failures) expectSilent(failure, subject.secrets!);
      },
    },
    {
      name: 'key-injection',
      says: 'letters that mean something in patterns, commands, markup and addresses name their own key and no other',
      async run({ provider }) {
        await provider.put('canary', bytes(1));
        for (const key of INJECTIONS) await provider.put(key, Buffer.from(key), { metadata: { key } });
        for (const key of INJECTIONS) {
          const record = await present(provider, key);
          expectBytes(record.value, Buffer.from(key));
          assert.deepEqual(record.metadata, { key });
          const expected = INJECTIONS.filter((other) => other.startsWith(key));
          expectSame(await keysOf(provider, { prefix: key }), expected, `keys that start with ${JSON.stringify(key)}`);
        }
        for (const key of INJECTIONS) assert.equal(await provider.delete(key), true, JSON.stringify(key));
        assert.deepEqual(await keysOf(provider), ['canary']);
      },
    },
    {
      name: 'values-opaque',
      says: 'what a value looks like changes nothing: markup, commands, JSON, compressed bytes, a record of the service itself',
      async run({ provider }) {
        const values = [
          ...[
            '<?xml version="1.0"?><a/>',
            '{"a":1}',
            'null',
            '',
            '\r\n',
            '$5\r\nhello\r\n',
            '+OK\r\n',
            'PSF1',
            'PSPE',
            'aws-chunked',
            '\u0000',
          ],
        ].map((text) => Buffer.from(text));
        values.push(
          Buffer.from([0x1f, 0x8b, 8, 0]),
          Buffer.from([0xff, 0xfe]),
          Buffer.from([0xef, 0xbb, 0xbf, 0x41]),
          Buffer.from([0xc3, 0x28]),
        );
        for (const [i, value] of values.entries()) await provider.put(`key ${i}`, value);
        for (const [i, value] of values.entries()) expectBytes((await present(provider, `key ${i}`)).value, value);
        assert.equal((await collect(provider)).length, values.length);
      },
    },
  ],
};
