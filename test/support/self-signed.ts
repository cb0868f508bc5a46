import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { KeyPair } from '../../src/drill/relay.ts';

/** A certificate for `localhost`, valid for two days. Undefined if openssl is not installed. */
export async function selfSigned(): Promise<KeyPair | undefined> {
  const directory = await mkdtemp(path.join(tmpdir(), 'reprise-certificate-'));
  const [key, cert] = [path.join(directory, 'key'), path.join(directory, 'cert')];
  const kind = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const made = ['-keyout', key, '-out', cert, '-days', '2', '-subj', '/CN=localhost'];
  try {
    execFileSync('openssl', [...kind, ...made], { stdio: 'ignore' });
    return { key: await readFile(key), cert: await readFile(cert) };
  } catch {
    return undefined;
  } finally {
    await rm(directory, { recursive: true });
  }
}
