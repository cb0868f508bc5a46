import type { Config } from '../config.ts';
import { type AdminDeps, createAdminServer } from '../http/admin.ts';
import { allowedHosts } from '../http/allowed-hosts.ts';
import type { Listener } from '../http/listening.ts';
import { localUrlOf, urlOf } from './service.ts';

/** Opens the admin listener, unless it is off. */
export async function openAdmin(
  { adminPort, adminHost: host, allowedHosts: given }: Config,
  pages: Pick<AdminDeps, 'metrics' | 'readyz'>,
  say: (line: string) => void,
): Promise<(Listener & { readonly url: string }) | undefined> {
  if (adminPort === undefined) return undefined;
  const admin = createAdminServer({
    ...pages,
    allowsHost: allowedHosts({ host, allowedHosts: given }),
  });
  const port = await admin.listen(adminPort, host);
  say(`  admin        ${urlOf(host, port)} (/metrics, /readyz)`);
  return Object.assign(admin, { url: localUrlOf(host, port) });
}
