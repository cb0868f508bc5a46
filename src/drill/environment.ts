/**
 * This environment without the settings of a service, which the test run may have, other than those
 * that are given.
 */
export function serviceEnvironment(
  given: Readonly<Record<string, string>>,
): Record<string, string> {
  const own =
    /^((ADMIN_)?(PORT|HOST)|DATA_DIR|DEMO|CURRENCY|LOG_.*|INSTANCE|HOLD_SECONDS|DRAIN_SECONDS|ALLOWED_HOSTS|QUEUE_.*|ALARM_.*|HANG_SECONDS|(EVENTSTORE|POSTGRES|REDIS)_URL)$/;
  const kept = Object.entries(process.env).filter(
    ([name, value]) => value !== undefined && !own.test(name),
  );
  return { ...(Object.fromEntries(kept) as Record<string, string>), ...given };
}
