/**
 * A script by which a site's Web Crypto keys can travel. A key that is not extractable leaves its browser by no protocol, so a capture has to report it as
 * lost; a browser that runs this script from the start has no such keys. For those who decide so about a browser of their own: see what it changes below.
 */

/**
 * Makes every key extractable that `generateKey`, `importKey`, `unwrapKey` and `deriveKey` of `SubtleCrypto` give from now on. To be run before the site's own
 * code: `context.addInitScript(extractableKeysScript)` of Playwright, `page.evaluateOnNewDocument(extractableKeysScript)` of Puppeteer,
 * `Page.addScriptToEvaluateOnNewDocument` of the DevTools protocol.
 *
 * What it changes: `key.extractable` is true where the site asked for false, so the site can see it, and any script that runs in the page can export the
 * key, which is what the site wanted to rule out. Keys that are there already stay as they are. So do those of PBKDF2, HKDF and Argon2, which no browser makes
 * extractable, and those that a worker makes: the libraries run such scripts in documents only. (In a worker that runs it first, it works as well.)
 */
export const extractableKeysScript: string = `(() => {
  const subtle = globalThis.SubtleCrypto && SubtleCrypto.prototype;
  if (!subtle) return;
  const { apply } = Reflect;
  const isForDerivation = (algorithm) => {
    const name = typeof algorithm === 'object' && algorithm !== null ? algorithm.name : algorithm;
    return /^(pbkdf2|hkdf|argon2)/i.test(String(name));
  };
  for (const [name, algorithmAt, extractableAt] of [
    ['generateKey', 0, 1],
    ['importKey', 2, 3],
    ['deriveKey', 2, 3],
    ['unwrapKey', 4, 5],
  ]) {
    const own = subtle[name];
    const wrapped = {
      [name](...args) {
        if (args.length > extractableAt && !isForDerivation(args[algorithmAt])) args[extractableAt] = true;
        return apply(own, this, args);
      },
    }[name];
    Object.defineProperty(wrapped, 'length', { value: own.length, configurable: true });
    Object.defineProperty(subtle, name, { value: wrapped, writable: true, enumerable: true, configurable: true });
  }
})();`;
