/**
 * The concert of `reprise check`, and the name of its room of the waiting queue. Both are reserved:
 * no catalog file may use them, and the list of concerts does not show the concert.
 */
export const checkConcertId = 'reprise-check';
export const checkRoom = checkConcertId;
export const checkSessionId = `${checkConcertId}-1`;
