import { z } from 'zod';

/** From year 1 to 9999. PostgreSQL has no year 0, and later years are written with a sign. */
export const timeSchema = z.iso.datetime().regex(/^(?!0000)/);
