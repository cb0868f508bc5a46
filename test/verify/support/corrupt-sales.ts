import type { Corruptions } from './world.ts';

/** Corruptions of what happens to one seat and its payment. */
export const corruptSales: Corruptions = {
  'a seat reserved while it is held': [
    ['double-reservation'],
    async (world) => {
      await world.seat('SeatReserved');
      const reservationId = world.reservation('A-1-1', 2);
      await world.seat('SeatReserved', { reservationId, userId: world.other });
    },
  ],
  'a sold seat whose stream was deleted, so that it looks free': [
    ['stream-cut'],
    async (world) => {
      await world.buy();
      await world.deleteSeat();
    },
  ],
  'an account that shows its last event only': [
    ['stream-cut'],
    async (world) => {
      await world.limitAccount(1);
      await world.limitAccount(1);
    },
  ],
  'a double sale': [
    ['double-sale'],
    async (world) => {
      await world.buy();
      await world.seat('SeatSold', { paymentId: 'pay.another', userId: world.other });
    },
  ],
  'a sale to somebody who did not hold the seat': [
    ['sale-without-reservation'],
    async (world) => {
      await world.seat('SeatReserved');
      await world.payment('PaymentHeld');
      await world.seat('SeatSold', { userId: world.other });
    },
  ],
  'a sale that nobody paid': [
    ['unpaid-sale'],
    async (world) => {
      await world.seat('SeatReserved');
      await world.seat('SeatSold');
    },
  ],
  'a sale by a payment that was given back before': [
    ['unpaid-sale'],
    async (world) => {
      await world.seat('SeatReserved');
      await world.payment('PaymentHeld');
      await world.payment('PaymentReleased');
      await world.seat('SeatSold');
    },
  ],
  'a price that is not the seat’s': [
    ['wrong-price'],
    (world) => world.seat('SeatReserved', { price: 1 }),
  ],
  'a seat that the hall does not have': [
    ['wrong-price'],
    (world) => world.seat('SeatReserved', {}, 'A-1-9'),
  ],
  'a reservation that names another seat': [
    ['wrong-reservation-id'],
    (world) => world.seat('SeatReserved', { reservationId: world.reservation('A-1-2') }),
  ],
  'a lost release': [
    ['lost-release'],
    (world) => world.seat('SeatReserved', { expiresAt: '2024-01-01T00:00:00.000Z' }),
  ],
  'a release of a sold seat': [
    ['wrong-release'],
    async (world) => {
      await world.buy();
      await world.seat('SeatReleased');
    },
  ],
  'a release of what nobody held': [['wrong-release'], (world) => world.seat('SeatReleased')],
  'an orphan charge': [['orphan-charge'], (world) => world.payment('PaymentHeld')],
  'money held for another amount': [
    ['wrong-payment'],
    async (world) => {
      await world.seat('SeatReserved');
      await world.payment('PaymentHeld', { amount: 90, balance: 910 });
    },
  ],
  'money held from another user': [
    ['wrong-payment'],
    async (world) => {
      await world.seat('SeatReserved');
      await world.payment('PaymentHeld', {}, 'A-1-1', world.other);
    },
  ],
  'a reservation paid twice': [
    ['paid-twice'],
    async (world) => {
      await world.buy();
      await world.payment('PaymentHeld', { paymentId: 'pay.again', balance: 800 });
    },
  ],
  'a capture without a sale': [
    ['capture-without-sale'],
    async (world) => {
      await world.seat('SeatReserved');
      await world.payment('PaymentHeld');
      await world.payment('PaymentCaptured');
    },
  ],
  'a capture of another payment’s sale': [
    ['capture-without-sale'],
    async (world) => {
      await world.buy();
      await world.seat('SeatReserved', {}, 'A-1-2');
      await world.payment('PaymentHeld', { balance: 800 }, 'A-1-2');
      await world.payment('PaymentCaptured', {}, 'A-1-2');
    },
  ],
  'a payment captured twice': [
    ['wrong-resolution'],
    async (world) => {
      await world.buy();
      await world.payment('PaymentCaptured');
    },
  ],
  'money given back although the seat was sold': [
    ['released-but-sold'],
    async (world) => {
      await world.seat('SeatReserved');
      await world.payment('PaymentHeld');
      await world.seat('SeatSold');
      await world.payment('PaymentReleased');
    },
  ],
  'money given back although the seat was not': [
    ['released-but-sold'],
    async (world) => {
      await world.buy();
      await world.payment('PaymentRefunded');
    },
  ],
};
