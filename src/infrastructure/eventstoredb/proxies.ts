/**
 * gRPC goes by the proxy that `grpc_proxy`, `https_proxy` or `http_proxy` names, also to this
 * machine itself, where no proxy leads to. Excepts that from it for this process, beside what
 * `no_grpc_proxy` or `no_proxy` excepts already.
 * @param url the connection string: its hosts that are this machine by another name than the usual
 */
export function exceptLoopback(
  url: string,
  env: Record<string, string | undefined> = process.env,
): void {
  if (!env.grpc_proxy && !env.https_proxy && !env.http_proxy) return;
  const excepted = (env.no_grpc_proxy || env.no_proxy || '').split(',').map((one) => one.trim());
  // gRPC compares the ends of names, so `::1` is put there only for a URL that says so.
  const own = ['localhost', '127.0.0.0/8', ...(/[/@,]\[::1\]/.test(url) ? ['::1'] : [])];
  // An empty one would except everything.
  env.no_grpc_proxy = [...new Set([...excepted.filter((one) => one !== ''), ...own])].join(',');
}
