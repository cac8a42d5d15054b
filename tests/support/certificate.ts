// A certificate for tests over TLS: new for each test file and signed by itself, so that no key lies in the repository.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const OPENSSL = {
  name: 'openssl',
  isThere: (): boolean => spawnSync('openssl', ['version'], { stdio: 'ignore' }).status === 0,
  advice: 'apt-get install -y --no-install-recommends openssl',
};

export interface Certificate {
  readonly key: string;
  readonly cert: string;
  /** Of its public key: SHA-256, base64. A browser that is told it takes the certificate for a good one. */
  readonly fingerprint: string;
}

/** For a day, and for these names. */
export function makeCertificate(names: readonly string[]): Certificate {
  const directory = mkdtempSync(join(tmpdir(), 'session-store-js-certificate-'));
  const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')] as const;
  try {
    execFileSync(
      'openssl',
      ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1']
        .concat(['-subj', `/CN=${names[0] ?? 'localhost'}`, '-keyout', key, '-out', cert])
        .concat(['-addext', `subjectAltName=${names.map((name) => `DNS:${name}`).join(',')}`]),
      { stdio: 'pipe' },
    );
    const text = readFileSync(cert, 'utf8');
    const publicKey = new X509Certificate(text).publicKey.export({ type: 'spki', format: 'der' });
    const fingerprint = createHash('sha256').update(publicKey).digest('base64');
    return { key: readFileSync(key, 'utf8'), cert: text, fingerprint };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
