/** Where the bundle begins that goes into other documents: puts {@link answer} where a driver finds it. The in-page driver imports the functions instead. */
import { answer } from './script.ts';

(globalThis as { __persistentSessions?: typeof answer }).__persistentSessions = answer;
