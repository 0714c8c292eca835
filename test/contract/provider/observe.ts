/** What tests of single providers look with: the same as the conformance suite. */

export {
  bytes,
  codeOf,
  collect,
  expectBytes,
  expectCode,
  expectSilent,
  fill,
  keysOf,
  pattern,
  present,
  raise,
  readCounter,
} from '../../../providers/conformance/observe.ts';
