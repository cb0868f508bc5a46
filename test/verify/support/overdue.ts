import type { Corruptions } from './world.ts';

/** What may be young, and is wrong when it stays so for long. */
export const overdue: Corruptions = {
  'money that is held': [
    ['unresolved-payment'],
    async (world) => {
      await world.seat('SeatReserved');
      await world.payment('PaymentHeld');
    },
  ],
  'money kept although the seat was taken back': [
    ['lost-refund'],
    async (world) => {
      await world.buy();
      await world.seat('SeatReleased', { reason: 'refunded' });
    },
  ],
  'a sold seat of a cancelled session': [
    ['kept-after-cancel'],
    async (world) => {
      await world.buy();
      await world.cancelSession();
    },
  ],
  'an order that was placed and left': [['unsettled-order'], (world) => world.order('OrderPlaced')],
  'seats that did not follow their paid order': [
    ['lost-sale', 'lost-sale', 'unsettled-order'],
    async (world) => {
      await world.reserveOrder();
      await world.orderPayment('PaymentHeld', { balance: 800 });
      await world.order('OrderPaid');
      await world.orderPayment('PaymentCaptured');
    },
  ],
  'seats that did not follow their ended order': [
    ['lost-release', 'lost-release', 'unsettled-order'],
    async (world) => {
      await world.reserveOrder();
      await world.order('OrderEnded', { reason: 'cancelled' });
    },
  ],
};
