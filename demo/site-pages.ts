/**
 * The pages of the demo site, as HTML text. Their scripts are ordinary page scripts, kept as text because the browser runs them, not Node.
 * `/home` writes what a login leaves behind; `/whoami` only reads, so that it cannot repair what a restore has lost.
 */

/** The login form. `message` is shown above it; it must not hold foreign text, it is not escaped. */
export function loginPage(message: string): string {
  return page(
    'Log in',
    `<p id="message">${message}</p>
<form method="post" action="/login">
  <label>User <input name="user" autocomplete="username" required></label>
  <label>Password <input name="password" type="password" autocomplete="current-password" required></label>
  <button>Log in</button>
</form>`,
  );
}

/** The page after a login. Its script fills all places but the cookie, then sets `data-ready="true"` on `#status`. */
export function homePage(csrfNonce: string): string {
  return page(
    'Home',
    `<meta name="csrf-nonce" content="${csrfNonce}">
<p id="status">Setting up ...</p>
<p><a href="/whoami">Who am I?</a></p>
<script type="module">${HOME_SCRIPT}</script>`,
  );
}

/** The page that asks the server what it thinks of each place. `#status` carries `data-places`, 0 to 4, once the answer is there. */
export function whoamiPage(): string {
  return page(
    'Who am I?',
    `<p id="status">Checking ...</p>
<ul id="places"></ul>
<script type="module">${WHOAMI_SCRIPT}</script>`,
  );
}

// The stores are filled while the database is made, so that a second visit adds nothing. Entry 2 of the outbox is deleted at once: the key
// generator stands at 3 while the highest key is 1, which a copy of the records alone would not bring back.
const HOME_SCRIPT = `
const status = document.querySelector('#status');
const get = async (path) => {
  const response = await fetch(path);
  if (!response.ok) throw new Error(path + ' answered ' + response.status);
  return response;
};
const openDatabase = () => new Promise((resolve, reject) => {
  const request = indexedDB.open('app', 3);
  request.onupgradeneeded = () => {
    const database = request.result;
    database.createObjectStore('profiles', { keyPath: 'id' }).createIndex('by-name', 'name', { unique: false });
    const outbox = database.createObjectStore('outbox', { autoIncrement: true });
    outbox.add({ to: 'grace', text: 'Hello from the demo', at: new Date() });
    outbox.add({ to: 'alan', text: 'Never sent', at: new Date() });
    outbox.delete(2);
  };
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});
const put = (database, profile) => new Promise((resolve, reject) => {
  const transaction = database.transaction('profiles', 'readwrite');
  transaction.objectStore('profiles').put(profile);
  transaction.oncomplete = () => resolve();
  transaction.onabort = () => reject(transaction.error);
});
try {
  localStorage.setItem('token', (await (await get('/api/token')).json()).token);
  sessionStorage.setItem('csrf-nonce', document.querySelector('meta[name=csrf-nonce]').content);
  const { id, name, joinedAtMs } = await (await get('/api/profile')).json();
  const avatar = new Uint8Array(await (await get('/api/avatar')).arrayBuffer());
  const database = await openDatabase();
  await put(database, { id, name, joined: new Date(joinedAtMs), avatar });
  database.close();
  status.textContent = 'Welcome, ' + name + '. Everything is in its place.';
  status.dataset.ready = 'true';
} catch (error) {
  status.textContent = 'Setting up failed: ' + error.message;
  status.dataset.ready = 'false';
}
`;

// An upgrade is aborted: looking for a database that is not there must not make an empty one.
const WHOAMI_SCRIPT = `
const status = document.querySelector('#status');
const openDatabase = () => new Promise((resolve, reject) => {
  const request = indexedDB.open('app', 3);
  request.onupgradeneeded = () => request.transaction.abort();
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});
const firstProfile = (database) => new Promise((resolve, reject) => {
  const request = database.transaction('profiles').objectStore('profiles').index('by-name').get('Ada');
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});
const readProfile = async () => {
  let database;
  try {
    database = await openDatabase();
    const { id, joined, avatar } = await firstProfile(database);
    if (!(joined instanceof Date) || !(avatar instanceof Uint8Array)) return null;
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', avatar));
    return { id, joinedAtMs: joined.getTime(), avatarSha256: Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('') };
  } catch (error) {
    console.info('no profile: ' + error.message);
    return null;
  } finally {
    database?.close();
  }
};
const headers = { 'Content-Type': 'application/json' };
const token = localStorage.getItem('token');
if (token !== null) headers['Authorization'] = 'Bearer ' + token;
const nonce = sessionStorage.getItem('csrf-nonce');
if (nonce !== null) headers['X-CSRF'] = nonce;
const response = await fetch('/api/whoami', { method: 'POST', headers, body: JSON.stringify({ profile: await readProfile() }) });
const { name, places } = await response.json();
const good = Object.keys(places).filter((place) => places[place]);
const bad = Object.keys(places).filter((place) => !places[place]);
for (const place of Object.keys(places)) {
  const item = document.createElement('li');
  item.textContent = place;
  item.className = places[place] ? 'good' : 'bad';
  document.querySelector('#places').append(item);
}
status.className = bad.length === 0 ? 'good' : 'bad';
status.textContent = bad.length === 0 ? 'logged in as ' + name + ' from: ' + good.join(', ') : 'not logged in (failed: ' + bad.join(', ') + ')';
status.dataset.places = String(good.length);
`;

function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>${title} - demo site</title>
<link rel="icon" href="/favicon.ico" type="image/svg+xml">
<style>
  body { font: 18px/1.5 sans-serif; color: #1d2733; background: #eef2f6; margin: 0; display: grid; place-items: center; min-height: 100vh; }
  main { background: #fff; border-radius: 12px; box-shadow: 0 2px 16px #0002; padding: 24px 40px 32px; width: 560px; }
  h1 { font-size: 26px; margin: 0 0 12px; }
  label { display: block; margin: 12px 0; }
  input { font: inherit; display: block; width: 100%; box-sizing: border-box; padding: 6px 10px; border: 1px solid #b7c3cf; border-radius: 6px; }
  button { font: inherit; padding: 8px 24px; border: 0; border-radius: 6px; color: #fff; background: #1f6feb; }
  #status.good { color: #14692f; }
  #status.bad { color: #a11d2b; }
  ul { list-style: none; padding: 0; margin: 0; display: grid; grid-template-columns: 1fr 1fr; gap: 10px; }
  li { padding: 8px 14px; border-radius: 8px; }
  li.good { background: #dff5e5; }
  li.good::before { content: "ok"; color: #14692f; font-weight: bold; margin-right: 10px; }
  li.bad { background: #fbe3e5; }
  li.bad::before { content: "no"; color: #a11d2b; font-weight: bold; margin-right: 10px; }
</style>
</head>
<body>
<main>
<h1>${title}</h1>
${body}
</main>
</body>
</html>
`;
}
