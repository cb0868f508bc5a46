/**
 * The concert of `reprise check`, and the name of its room of the waiting queue. Both are reserved:
 * no catalog file may use them, and the list of concerts does not show the concert.
 */
export const checkConcertId = 'reprise-check';
export const checkRoom = checkConcertId;
export const checkSessionId = `${checkConcertId}-1`;

/**
 * The room of a concert. The concert of the check has its room without a word in the log, so older
 * releases, which know no rooms, can read the log after a check.
 * @param waitingRoom as in its event
 */
export const roomOfConcert = (concertId: string, waitingRoom?: string): string | undefined =>
  concertId === checkConcertId ? checkRoom : waitingRoom;
