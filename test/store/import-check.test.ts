/** What an import looks at in an item, in its own thread. */
import { importCheckContract } from './import-check-contract.ts';

importCheckContract();
