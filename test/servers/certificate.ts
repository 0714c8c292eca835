/** A certificate for loopback that vouches for itself, made by openssl for one run of tests. */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { requireTool } from './tool.ts';

/** Paths of PEM files. */
export interface CertificateFiles {
  readonly certificate: string;
  readonly key: string;
}

/** True when openssl is installed; otherwise says that `group` is skipped, or throws where it must not be. */
export function hasOpenssl(group: string): boolean {
  return requireTool('openssl', spawnSync('openssl', ['version']).status === 0, group);
}

/** A certificate of these names and 127.0.0.1, in a folder that `remove` removes. */
export function makeCertificate(names: readonly string[] = ['localhost']): CertificateFiles & { remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'psp-certificate-'));
  const [certificate, key] = [join(folder, 'certificate.pem'), join(folder, 'key.pem')];
  const alternatives = `subjectAltName=${names.map((name) => `DNS:${name}`).join()},IP:127.0.0.1`;
  const words = ['-subj', `/CN=${names[0]}`, '-addext', alternatives, '-days', '2', '-nodes'];
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
  const { status, stderr } = spawnSync('openssl', ['req', '-x509', ...kind, ...words, '-out', certificate, '-keyout', key]);
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  if (status === 0) return { certificate, key, remove };
  remove();
  throw new Error(`openssl ended with ${status}: ${stderr}`);
}
