/**
 * The entry `persistent-sessions/formats`: other tools' files to and from a Session.
 */
export type { Loss } from './loss.ts';
export {
  type ReadOptions,
  readStorageState,
  type StorageState,
  type StorageStateCookie,
  type StorageStateOrigin,
  writeStorageState,
} from './storage-state.ts';
