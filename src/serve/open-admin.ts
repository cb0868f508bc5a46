import type { Config } from '../config.ts';
import { type AdminDeps, createAdminServer } from '../http/admin.ts';
import { allowedHosts } from '../http/allowed-hosts.ts';
import type { Listener } from '../http/listening.ts';
import { urlOf } from './service.ts';

/** Opens the admin listener, unless it is off. */
export async function openAdmin(
  { adminPort, adminHost: host, allowedHosts: given }: Config,
  pages: Pick<AdminDeps, 'metrics' | 'readyz'>,
  say: (line: string) => void,
): Promise<Listener | undefined> {
  if (adminPort === undefined) return undefined;
  const admin = createAdminServer({
    ...pages,
    allowsHost: allowedHosts({ host, allowedHosts: given }),
  });
  say(`  admin        ${urlOf(host, await admin.listen(adminPort, host))} (/metrics, /readyz)`);
  return admin;
}
