/** Set-up of the project `noble` (vitest.config.ts): every test of the envelope begins with noble pinned, which must be able to do all of it alone. */
import { beforeEach } from 'vitest';
import { useEngine } from '../../ts/envelope/engine.ts';

// For what a file looks at when it is loaded.
useEngine('noble');
beforeEach(() => useEngine('noble'));
