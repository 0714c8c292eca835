/** Everything that is tested of imports, once more with a thread that looks at items. */

import { expect, test } from 'vitest';
import { memory } from '../../providers/memory.ts';
import { importMany } from '../../ts/store/import.ts';
import { sessionStore } from '../../ts/store/session-store.ts';
import { importCheckContract } from './import-check-contract.ts';
import { importContract } from './import-contract.ts';
import { clearItems, idsOf } from './import-fixture.ts';
import { buildThreadProgram, useThreads } from './import-thread-program.ts';
import { options } from './store-fixture.ts';

useThreads(buildThreadProgram(), 1);

test('here every import has a thread', async () => {
  const items = await clearItems(idsOf(200));
  const summary = await importMany(sessionStore(memory(), options()), items).summary;
  expect(summary).toMatchObject({ created: 200, threads: 1, withoutThreads: null });
});

importContract();
importCheckContract();
