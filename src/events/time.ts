import { z } from 'zod';

/** From year 1 to 9999: PostgreSQL knows no year 0, and later ones are written with a sign. */
export const timeSchema = z.iso.datetime().regex(/^(?!0000)/);
