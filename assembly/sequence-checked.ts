/** The sequence kernel with its inside open to tests: everything of sequence.ts, and the rules that must hold between two calls. Never shipped. */
export * from './sequence';
export { checkSequence } from './sequence/check';
