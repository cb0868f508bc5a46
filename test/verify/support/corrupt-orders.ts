import type { Corruptions } from './world.ts';

/** Corruptions of orders and their seats. */
export const corruptOrders: Corruptions = {
  'an order whose seats are not held for it': [
    ['wrong-order'],
    async (world) => {
      await world.order('OrderPlaced');
      await world.orderSeat('SeatReserved', 'A-1-1');
      await world.order('OrderConfirmed');
    },
  ],
  'an order that nobody paid': [
    ['unpaid-sale'],
    async (world) => {
      await world.reserveOrder();
      await world.order('OrderPaid');
    },
  ],
  'an order that costs less than its seats': [
    ['wrong-order'],
    (world) => world.order('OrderPlaced', { price: 100 }),
  ],
  'a seat sold whose order is not': [
    ['unpaid-sale'],
    async (world) => {
      await world.reserveOrder();
      await world.orderSeat('SeatSold', 'A-1-1');
    },
  ],
  'a seat of a paid order given back': [
    ['wrong-release'],
    async (world) => {
      await world.buyOrder();
      await world.orderSeat('SeatReleased', 'A-1-2', { reason: 'refunded' });
    },
  ],
  'an order with a seat twice': [
    ['wrong-order'],
    (world) => {
      const seats = ['A-1-1', 'A-1-1'].map((seatId) => ({ seatId, price: 100 }));
      return world.order('OrderPlaced', { seats });
    },
  ],
  'an order settled before its seats followed': [
    ['wrong-order'],
    async (world) => {
      await world.reserveOrder();
      await world.orderPayment('PaymentHeld', { balance: 800 });
      await world.order('OrderPaid');
      await world.orderSeat('SeatSold', 'A-1-1');
      await world.orderPayment('PaymentCaptured');
      await world.order('OrderSettled');
      await world.orderSeat('SeatSold', 'A-1-2');
    },
  ],
  'an order settled before its money followed': [
    ['wrong-order'],
    async (world) => {
      await world.reserveOrder();
      await world.orderPayment('PaymentHeld', { balance: 800 });
      await world.order('OrderPaid');
      for (const seat of ['A-1-1', 'A-1-2']) await world.orderSeat('SeatSold', seat);
      await world.order('OrderSettled');
    },
  ],
  'a seat of two orders': [
    ['double-reservation', 'wrong-order'],
    async (world) => {
      await world.reserveOrder();
      const reservationId = world.reservation('A-1-1', 2);
      await world.orderSeat('SeatReserved', 'A-1-1', { reservationId, orderId: 'another' });
    },
  ],
  'a single seat released for an order’s reason': [
    ['wrong-release'],
    async (world) => {
      await world.seat('SeatReserved');
      await world.seat('SeatReleased', { reason: 'not-all' });
    },
  ],
  'a seat reserved for an order that does not have it': [
    ['wrong-order'],
    (world) => world.orderSeat('SeatReserved', 'A-1-1'),
  ],
};
