/**
 * The entry `persistent-sessions/formats`: other tools' files to and from a Session. Readers take what the file holds, parsed where it is JSON, and
 * return `{ session, losses }`; writers return a promise of the file's content and `losses`.
 */
export {
  type CdpCookieParam,
  type PuppeteerCookie,
  readCdpCookies,
  readPuppeteerCookies,
  writeCdpCookies,
  writePuppeteerCookies,
} from './cdp-cookies.ts';
export { type CookieEditorCookie, readCookieEditor, writeCookieEditor } from './cookie-editor.ts';
export type { ReadOptions, ReadResult } from './cookie-file.ts';
export { readCookiesTxt, writeCookiesTxt } from './cookies-txt.ts';
export { readHar } from './har.ts';
export type { Loss } from './loss.ts';
export { readPsp2 } from './psp2.ts';
export type { StorageStateCookie } from './storage-state/cookie.ts';
export type { StorageStateDatabase, StorageStateIndex, StorageStateRecord, StorageStateStore } from './storage-state/database.ts';
export type { StorageStateFile } from './storage-state/file.ts';
export type { StorageStateCredential } from './storage-state/passkey.ts';
export { readStorageState, type StorageState, type StorageStateOrigin, writeStorageState } from './storage-state.ts';
export { readToughCookie, type ToughCookie, type ToughCookieJar, writeToughCookie } from './tough-cookie.ts';
export { readWebDriverCookies, type WebDriverCookie, type WebDriverHost, writeWebDriverCookies } from './webdriver.ts';
