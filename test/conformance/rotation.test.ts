/** Rotation on the providers that need no server. */

import { filesystem } from '../../providers/filesystem.ts';
import { lmdb } from '../../providers/lmdb.ts';
import { memory } from '../../providers/memory.ts';
import { rotationOn } from './rotation.ts';
import { makeFolder } from './subject.ts';

rotationOn('memory', async () => ({ provider: memory(), dispose: async () => undefined }));

rotationOn('filesystem', async () => {
  const { path: root, remove } = await makeFolder();
  const provider = filesystem({ root });
  return { provider, dispose: () => provider.close().then(remove) };
});

rotationOn('lmdb', async () => {
  const { path, remove } = await makeFolder();
  const provider = lmdb({ path });
  return { provider, dispose: () => provider.close().then(remove) };
});
