/** Version 1.0 of the schema, straight from its file and without our generated code. */
import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';

const schema = JSON.parse(readFileSync(new URL('../../schema/session-1.0.json', import.meta.url), 'utf8')) as { $id: string };
const ajv = new Ajv2020({ allErrors: true, strictTuples: false, unicodeRegExp: true });
ajv.addSchema(schema);

/** Pointers of the faults of a header. */
export const checkHeader = (header: unknown): string[] => faults('header', header);
/** Pointers of the faults of a state. */
export const checkState = (state: unknown): string[] => faults('state', state);

function faults(part: string, document: unknown): string[] {
  const check = ajv.getSchema(`${schema.$id}#/$defs/${part}`);
  if (check === undefined) throw new Error(`the schema has no ${part}`);
  check(document);
  return (check.errors ?? []).map(({ instancePath }) => instancePath);
}
