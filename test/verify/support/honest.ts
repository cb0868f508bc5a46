import type { World } from './world.ts';

/** Histories as they may be: nothing is found. */
export const honest: Record<string, (world: World) => Promise<void>> = {
  'a seat that was reserved, paid and captured': (world) => world.buy(),
  'an account whose limit was taken away again': async (world) => {
    await world.limitAccount(1);
    await world.limitAccount(undefined);
  },
  'streams that another program has begun, with names like ours': async (world) => {
    for (const stream of ['order-', 'seat-', 'account-', 'concert-']) {
      const { session } = world;
      await world.write(`${stream}invoice/${session}`, 'InvoiceSent', { amount: 1 }, null);
      await world.write(`${stream}invoice/${session}`, 'OrderPlaced', {}, null);
      await world.write(`${stream}other ${session}`, 'InvoiceSent', { amount: 1 }, 3);
    }
  },
  'a young hold': (world) => world.seat('SeatReserved'),
  'a hold that ended and was given back, and another buyer after it': async (world) => {
    await world.seat('SeatReserved', { expiresAt: '2024-01-01T00:00:00.000Z' });
    await world.seat('SeatReleased');
    const reservationId = world.reservation('A-1-1', 2);
    await world.seat('SeatReserved', { reservationId, userId: world.other });
  },
  'a payment that came too late and was given back': async (world) => {
    await world.seat('SeatReserved', { expiresAt: '2024-01-01T00:00:00.000Z' });
    await world.payment('PaymentHeld');
    await world.seat('SeatReleased');
    await world.payment('PaymentReleased');
  },
  'a sale whose payment is about to be captured': async (world) => {
    await world.seat('SeatReserved');
    await world.payment('PaymentHeld');
    await world.seat('SeatSold');
  },
  'a sale that was refunded': async (world) => {
    await world.buy();
    await world.seat('SeatReleased', { reason: 'refunded' });
    await world.payment('PaymentRefunded');
  },
  'a title that no list can show, and that was revised since': async (world) => {
    await world.write(`concert-r${world.session}`, 'ConcertRegistered', { title: 'One \ud83d' });
    await world.write(`concert-r${world.session}`, 'ConcertRevised', { title: 'One 🎶' });
  },
  'events that were skipped, one of them in the middle of a sale': async (world) => {
    await world.seat('SeatReserved');
    await world.seat('SeatGivenAway');
    await world.payment('PaymentHeld');
    await world.skip(`seat-${world.session}/A-1-1`, 1n);
    await world.seat('SeatSold');
    await world.payment('PaymentCaptured');
    await world.write(`account-later ${world.session}`, 'BalanceCharged', {});
    await world.skip(`account-later ${world.session}`, 0n);
  },
  'an order that was bought': (world) => world.buyOrder(),
  'an order that could not have all its seats': async (world) => {
    await world.seat('SeatReserved', { userId: world.other }, 'A-1-2');
    await world.order('OrderPlaced');
    await world.orderSeat('SeatReserved', 'A-1-1');
    await world.order('OrderEnded', { reason: 'not-all' });
    await world.orderSeat('SeatReleased', 'A-1-1', { reason: 'not-all' });
    await world.order('OrderSettled');
  },
  'an order that was refunded': async (world) => {
    await world.buyOrder();
    await world.order('OrderEnded', { reason: 'refunded' });
    for (const seat of ['A-1-1', 'A-1-2']) {
      await world.orderSeat('SeatReleased', seat, { reason: 'refunded' });
    }
    await world.orderPayment('PaymentRefunded');
    await world.order('OrderSettled');
  },
  'a refund that came before the capture': async (world) => {
    await world.seat('SeatReserved');
    await world.payment('PaymentHeld');
    await world.seat('SeatSold');
    await world.seat('SeatReleased', { reason: 'refunded' });
    await world.payment('PaymentCaptured');
    await world.payment('PaymentRefunded');
  },
  'an order that was refunded before its seats were sold': async (world) => {
    await world.reserveOrder();
    await world.orderPayment('PaymentHeld', { balance: 800 });
    await world.order('OrderPaid');
    await world.orderSeat('SeatSold', 'A-1-1');
    await world.order('OrderEnded', { reason: 'refunded' });
    await world.orderSeat('SeatReleased', 'A-1-1', { reason: 'refunded' });
    await world.orderSeat('SeatReleased', 'A-1-2', { reason: 'cancelled' });
    await world.orderPayment('PaymentCaptured');
    await world.orderPayment('PaymentRefunded');
    await world.order('OrderSettled');
  },
  'a seat that was taken late for an order that had ended': async (world) => {
    await world.order('OrderPlaced');
    await world.order('OrderEnded', { reason: 'not-all' });
    await world.orderSeat('SeatReserved', 'A-1-1');
    await world.order('OrderSettled');
    await world.orderSeat('SeatReleased', 'A-1-1', { reason: 'not-all' });
  },
  'money let go after its seat was sold and taken back': async (world) => {
    await world.seat('SeatReserved');
    await world.payment('PaymentHeld');
    await world.seat('SeatSold');
    await world.seat('SeatReleased', { reason: 'refunded' });
    await world.payment('PaymentReleased');
  },
  'a cancelled session whose buyers have their money back': async (world) => {
    await world.buy();
    await world.cancelSession();
    await world.seat('SeatReleased', { reason: 'refunded' });
    await world.payment('PaymentRefunded');
  },
  'what a request was answered': (world) =>
    world.write(`request-${world.session}`, 'RequestStarted', { fingerprint: 'f' }),
  'a summary of an account': async (world) => {
    await world.buy();
    await world.summary({ balance: 900 });
    await world.seat('SeatReserved', {}, 'A-1-2');
    await world.payment('PaymentHeld', { balance: 800 }, 'A-1-2');
    const reservationId = world.reservation('A-1-2');
    const paymentId = `pay.${reservationId}`;
    const payments = [{ paymentId, reservationId, status: 'held', amount: 100 }];
    await world.summary({ balance: 800, held: 100, payments });
  },
  'an account told by indexes': async (world) => {
    await world.buy();
    const paid = `pay.${world.reservation()}`;
    // The first charge and the payment, at revisions 0 to 2; then the refund, at 5.
    await world.index({ to: 2 }, [
      ['first', 0],
      [paid, 1],
    ]);
    await world.totals({ balance: 900, captured: 100, indexes: [3] });
    await world.seat('SeatReleased', { reason: 'refunded' });
    await world.payment('PaymentRefunded');
    await world.index({ from: 3, to: 5 }, [], [[paid, 5]]);
    await world.totals({ indexes: [3, 6] });
    // One index in place of both.
    await world.index(
      { to: 7 },
      [
        ['first', 0],
        [paid, 1],
      ],
      [[paid, 5]],
    );
    await world.totals({ indexes: [8] });
  },
};
