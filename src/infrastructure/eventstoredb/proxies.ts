/**
 * gRPC uses the proxy in `grpc_proxy`, `https_proxy` or `http_proxy`, even for this machine, which
 * no proxy can reach. This function adds the loopback addresses to the exceptions in
 * `no_grpc_proxy` or `no_proxy`, for this process.
 * @param url the connection string, for hosts that are other names of this machine
 */
export function exceptLoopback(
  url: string,
  env: Record<string, string | undefined> = process.env,
): void {
  if (!env.grpc_proxy && !env.https_proxy && !env.http_proxy) return;
  const excepted = (env.no_grpc_proxy || env.no_proxy || '').split(',').map((one) => one.trim());
  // gRPC compares the ends of names, so `::1` is added only if the URL contains it.
  const own = ['localhost', '127.0.0.0/8', ...(/[/@,]\[::1\]/.test(url) ? ['::1'] : [])];
  // An empty entry would exclude every host.
  env.no_grpc_proxy = [...new Set([...excepted.filter((one) => one !== ''), ...own])].join(',');
}
