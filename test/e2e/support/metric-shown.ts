import { eventually } from '../../support/eventually.ts';
import type { Service } from './service.ts';

/**
 * Resolves when a metric of the service is 0, or is not 0. The service counts its work again only
 * when the last count is some seconds old.
 * @param metric without labels
 */
export async function metricShown(
  service: Service,
  metric: string,
  isZero: boolean,
): Promise<void> {
  await eventually(`${metric} is ${isZero ? '' : 'not '}0`, async () => {
    const metrics = await (await fetch(`${service.adminUrl}/metrics`)).text();
    return metrics.includes(`\n${metric} 0\n`) === isZero;
  });
}
