import { expect } from 'chai';
import { type Api, bearer, bill, order, type Reply } from './api.ts';

/** The requests that tests of refusals make. @param api the service under test, as it is then */
export function requestsTo(api: () => Api) {
  const reserve = (headers: Record<string, string> = bearer(7), body: unknown = order) =>
    api().call('POST', '/concert/reservation', { headers, body });
  const pay = () => api().call('POST', '/concert/payment', { headers: bearer(7), body: bill });
  const charge = (amount: unknown = 5, key: string | null = 'k') =>
    api().call('POST', '/concert/balance', {
      headers: key === null ? {} : { 'Idempotency-Key': key },
      body: { userId: 7, amount },
    });
  return { reserve, pay, charge };
}

export const expectCode = (reply: Reply, status: number, code: string) =>
  expect([reply.status, reply.body?.code], reply.text).to.deep.equal([status, code]);
