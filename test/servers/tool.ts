/**
 * The rule for what a machine may lack: a group of tests that needs a tool is skipped by name and loudly, never silently; where tests must not be
 * skipped (`CI`, or `PSP_TEST_REQUIRE` naming the tool), its absence is a failure.
 */

/** True when `tool` is there. Otherwise says that `group` is skipped, or throws where it must not be. */
export function requireTool(tool: string, isThere: boolean, group: string): boolean {
  if (isThere) return true;
  const reason = `no ${tool} on this machine (run \`npm run set-up\`)`;
  const required = (process.env['PSP_TEST_REQUIRE'] ?? '').split(/[\s,]+/);
  // `CI=false` and an empty CI are how people say that this is not one.
  const isCI = !['', '0', 'false'].includes(process.env['CI'] ?? '');
  if (isCI || required.includes(tool)) throw new Error(`${group}: ${reason}`);
  console.warn(`SKIPPED: ${group}: ${reason}`);
  return false;
}
