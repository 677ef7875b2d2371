// The public surface of the package.
export { DraftModelDrafter } from './draft/draft-model.js';
export {
  datastorePath,
  openDatastore,
  type Datastore,
  type OpenDatastoreOptions,
} from './draft/datastore.js';
export {
  writeDatastore,
  type DatastoreSummary,
  type DatastoreWriter,
  type WriteDatastoreOptions,
} from './draft/datastore-writer.js';
export type { Draft, Drafter, DraftRequest, LookBackRequest } from './draft/drafter.js';
export { MixtureDrafter, type MixtureOptions } from './draft/mixture.js';
export { PromptLookupDrafter, type PromptLookupOptions } from './draft/prompt-lookup.js';
export { RetrievalDrafter, type RetrievalOptions } from './draft/retrieval.js';
export { SuffixDrafter, type SuffixOptions } from './draft/suffix.js';
export { TokenRecyclingDrafter, type TokenRecyclingOptions } from './draft/token-recycling.js';
export type { RoundCost } from './cost/round-cost.js';
export { calibrateSparse, type CalibrateOptions, type SparseCalibration } from './engine/calibrate-sparse.js';
export { calibrationPath, readCalibration, writeCalibration } from './engine/calibration-file.js';
export { createEngine, type Engine } from './engine/engine.js';
export type {
  FinishReason,
  GenerationEvent,
  GenerationResult,
  OutputTokenKind,
} from './engine/decode-loop.js';
export type { Generation } from './engine/generation.js';
export type { EngineOptions, GenerateOptions } from './engine/options.js';
export type { SparseExpertOptions, SparseOptions } from './engine/sparse-options.js';
export type { StitchStats } from './engine/stitched-rounds.js';
export {
  AddonLoadError,
  BusyError,
  CalibrationError,
  ChatTemplateError,
  ContextCreateError,
  ContextFullError,
  DatastoreError,
  DecodeError,
  DisposedError,
  DownloadError,
  IncompatibleMethodsError,
  ModelLoadError,
  OutriderError,
  ShapeError,
  StateFileError,
  UnsupportedCacheError,
  VocabMismatchError,
  type ErrorCode,
} from './errors.js';
export type { GenerationStats, GuardReport, GuardStats, RoundRecord } from './metrics/counters.js';
export { ComputePool } from './model/compute-pool.js';
export type { Context, ContextInfo } from './model/context.js';
export type { ContextOptions, KvType } from './model/context-options.js';
export { enableGpu, listDevices, type Device, type GpuChoice } from './model/gpu-plugins.js';
export { defaultModelsDirectory, resolveModel, type ResolveModelOptions } from './model/hub.js';
export { estimateMemory, loadModel, loadModels, type LoadModelOptions } from './model/load-model.js';
export { setLogHandler, type LogLevel } from './model/log.js';
export type { Model, ModelInfo } from './model/model.js';
export { Sampler } from './model/sampler.js';
export type { Sequence } from './model/sequence.js';
export { loadVocabulary, type LoadedVocabulary } from './model/load-vocabulary.js';
export type { Tokenizer, TokenStream } from './model/tokenizer.js';
export { tokenizerFingerprint, type Vocabulary } from './model/vocabulary.js';
export { ArrayRows, oneHot, type Distribution, type DistributionRows } from './sampling/distribution.js';
export type { RecheckStats } from './metrics/recheck-counters.js';
export type { SparseStats } from './sparse/audit.js';
export type { SparseDecisions } from './sparse/auto-policy.js';
export type { LayerOverlap } from './sparse/calibration.js';
export type { SparseAttentionOptions } from './sparse/policy.js';
export { TokenTree, type NodeIndex, type SiblingDraws } from './tree/token-tree.js';
export type { SamplingParams, SequencePosition, TokenId, TokenLogprob, TokenLogprobs } from './types.js';
export { BlockVerifier } from './verify/block.js';
export { MatchVerifier } from './verify/match.js';
export { RejectionVerifier } from './verify/rejection.js';
export type { RoundUniforms, Verdict, Verifier, VerifyRequest } from './verify/verifier.js';
