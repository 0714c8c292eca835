/** Imports whose items are looked at in their own thread. */
import { importContract } from './import-contract.ts';

importContract();
