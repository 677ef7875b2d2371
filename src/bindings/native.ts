// Every type and function of the addon, as the addon has them. Knows nothing of policy.

export interface NativeDevice {
  readonly name: string;
  readonly description: string;
  readonly backend: string;
  readonly type: 'cpu' | 'gpu' | 'igpu' | 'accelerator';
  readonly freeBytes: number;
  readonly totalBytes: number;
}

export interface NativeModelOptions {
  /** Layers to offload; negative means all. */
  gpuLayers: number;
  useMmap: boolean;
  useMlock: boolean;
  checkTensors: boolean;
  /** Weights are rearranged for faster products on this CPU. */
  repacksWeights: boolean;
  vocabOnly: boolean;
  /** Names of devices; empty means every GPU when layers are offloaded. */
  devices: readonly string[];
}

export interface NativeContextOptions {
  /** Tokens; 0 is what the model was trained with. */
  contextSize: number;
  batchSize: number;
  microBatchSize: number;
  sequences: number;
  /** Sequence ids kept for the leaves of token trees. */
  scratchSequences: number;
  /** Tokens a recurrent model keeps snapshots for. */
  rollbackTokens: number;
  kvTypeK: string;
  kvTypeV: string;
  flashAttention: string;
  offloadKv: boolean;
}

export interface NativeModelInfo {
  readonly description: string;
  readonly architecture: string;
  readonly numParameters: number;
  readonly sizeBytes: number;
  readonly trainContextSize: number;
  readonly embeddingSize: number;
  readonly numLayers: number;
  readonly numHeads: number;
  readonly numKvHeads: number;
  /** Tokens; 0 for none. */
  readonly slidingWindow: number;
  readonly isRecurrent: boolean;
  readonly hasEncoder: boolean;
  readonly vocabSize: number;
  /** -1 for none. */
  readonly bosToken: number;
  readonly eosToken: number;
  readonly eotToken: number;
  readonly addsBos: boolean;
  /** Empty for none. */
  readonly chatTemplate: string;
}

export interface NativeVocabDifference {
  readonly size: number;
  readonly otherSize: number;
  /** -1 for none. */
  readonly firstDifferentToken: number;
  readonly text: string;
  readonly otherText: string;
}

export interface NativeModel {
  info(): NativeModelInfo;
  metadata(): Record<string, string>;
  tokenize(text: string, addSpecial: boolean, parseSpecial: boolean): Int32Array;
  piece(token: number, special: boolean): Buffer;
  detokenize(tokens: Int32Array, removeSpecial: boolean, special: boolean): Buffer;
  isEndOfGeneration(token: number): boolean;
  compareVocab(other: NativeModel): NativeVocabDifference;
  dispose(): void;
}

export interface NativePool {
  /** Threads that the next batches compute with. */
  setActive(numThreads: number): void;
  dispose(): void;
}

export interface NativeSamplerParams {
  repeatPenalty: number;
  frequencyPenalty: number;
  presencePenalty: number;
  penaltyLastN: number;
  dryMultiplier: number;
  dryBase: number;
  dryAllowedLength: number;
  dryPenaltyLastN: number;
  drySequenceBreakers: Int32Array;
  temperature: number;
  topK: number;
  topP: number;
  minP: number;
  typicalP: number;
  biasTokens: Int32Array;
  biasValues: Float64Array;
}

export interface NativeSampler {
  /** The distribution of one row of logits, [vocabSize]. */
  apply(logits: Float32Array, history: Int32Array): NativeRows;
}

export interface NativeRows {
  numRows(): number;
  /** Copies. */
  row(index: number): { ids: Int32Array; probs: Float64Array };
  /** [numRows]: of a token in each row, 0 outside its support, and of the row's likeliest one. */
  probabilities(tokens: Int32Array): { own: Float64Array; largest: Float64Array };
  /** The token and the `numTop` likeliest ones: log softmax of the logits, and probability in the row. */
  logprobs(
    index: number,
    token: number,
    numTop: number,
  ): { ids: Int32Array; logprobs: Float64Array; probs: Float64Array };
  /** Copies rows of others behind these, without their logits. */
  append(rows: NativeRows, indices: Int32Array): void;
  /** Gives the buffer back for the next decode; the rows are gone afterwards. */
  release(): void;
}

export interface NativeDecodeRequest {
  sequence: number;
  /** Node of the last decoded tree whose path is kept first, as by commit. */
  commit?: number | undefined;
  /** Cells of the sequence to keep; what lies beyond is rolled back first. */
  numPast: number;
  tokens: Int32Array;
  /** [numTokens], -1 for children of the tip; absent for a chain. */
  parents?: Int32Array | undefined;
  /** Ascending indices of the tokens whose rows are wanted. */
  outputs?: Int32Array | undefined;
  sampler?: NativeSampler | undefined;
  /** Tokens before the batch; read only when the sampler needs history. */
  history?: Int32Array | undefined;
  /** Tokens from here on are left out of the distributions. */
  vocabLimit?: number | undefined;
  /** The rows keep their logits, for `NativeRows.logprobs`. */
  keepsLogits?: boolean | undefined;
  /** What the batch leaves out; absent: nothing. */
  sparse?: NativeSparsePlan | undefined;
}

/** As `SparsePlan` of native/sparse. */
export interface NativeSparsePlan {
  /** Tokens of the context that attention reads at most; 0: all. */
  numAttended: number;
  blockSize: number;
  numSink: number;
  numLocal: number;
  /** Ascending layers that choose blocks; absent: each. */
  anchors?: Int32Array | undefined;
  /** `sparseChoices` tells what was chosen. */
  keepsChoice: boolean;
  /** Experts that a token skips at most. */
  numSkipped: number;
  /** [numLayers, numSkipped]: largest share of the weights that the m last experts may have; absent: none is asked. */
  skipShares?: Float64Array | undefined;
  /** Experts that no other token wants are skipped below this share of the weights; 0: none. */
  loneShare: number;
  /** Places of skipped experts are filled with others, at no weight, for devices that cannot leave them empty. */
  fillsPlaces: boolean;
  /** [numLayers]: channel blocks below for all tokens are left out; 0: none of the layer. */
  ffnThresholds?: Float64Array | undefined;
  /** Measures experts' shares, and gate activations below each of these; absent: measures nothing. */
  thresholds?: Float64Array | undefined;
}

/** What a decode under a plan that measures found. */
export interface NativeSparseMeasures {
  /** Shares of channels below each threshold: of a token, of all tokens at once, and of these in whole blocks. */
  feedForward: { layer: number; perToken: Float32Array; perBatch: Float32Array; perBlocks: Float32Array }[];
  /** [numTokens * (numUsed - 1)]: share of the m lightest experts in a token's weights, m = 1 .. */
  experts: { layer: number; numUsed: number; shares: Float32Array }[];
}

/** What an anchor layer chose. */
export interface NativeBlockChoice {
  layer: number;
  /** Ascending. */
  blocks: Int32Array;
  /** [numBlocks] attention that the mean keys predict for it and the block before, summed over heads. */
  scores: Float32Array;
}

/** Tokens drawn one after the other. */
interface NativeDrawRequest extends NativeDecodeRequest {
  numDraft: number;
  /** [numDraft]: draws each token from its row; absent for the likeliest token. */
  uniforms?: Float64Array | undefined;
  /** Stops after drawing an end-of-generation token. */
  stopAtEnd: boolean;
}

export interface NativeDraftRequest extends NativeDrawRequest {
  /** Stops before a draw when the row's largest probability is below. */
  minProbability: number;
}

export interface NativeGrowRequest extends NativeDecodeRequest {
  rule: 'fixed' | 'calibrated' | 'dyspec' | 'eagle-2';
  draws: 'top' | 'withReplacement' | 'withoutReplacement' | 'topThenSampled';
  /** Nodes at most; of a fixed shape its own number. */
  numNodes: number;
  /** Parents of a fixed shape, level by level. */
  shape?: Int32Array | undefined;
  /** [numNodes]: draws each node; absent where the likeliest tokens are taken. */
  uniforms?: Float64Array | undefined;
  /** Nothing is drawn from a row whose largest probability is below. */
  minProbability: number;
  /** Expected tokens that a further level has to be able to bring, absent for 0. */
  minLevelGain?: number | undefined;
  /** Nothing is drawn where what is drawn is less likely to be accepted, absent for 0. */
  minAcceptance?: number | undefined;
  /** End-of-generation tokens get no children, but in a fixed shape. */
  stopAtEnd: boolean;
  maxLeaves: number;
  /** [numKnots] draft probabilities, ascending. */
  knots?: Float64Array | undefined;
  /** [numRanks, numKnots] acceptance at the knots of the first, second, ... sibling. */
  rates?: Float64Array | undefined;
}

export type NativeExtendRequest = NativeDrawRequest;

export interface NativeDecodeResult {
  readonly rows: NativeRows;
  readonly decodeMs: number;
  readonly samplingMs: number;
}

export interface NativeDraftResult extends NativeDecodeResult {
  readonly tokens: Int32Array;
}

/** Nodes in drawing order; rows of what each was drawn from, none where the likeliest tokens are taken. */
export interface NativeGrowResult extends NativeDraftResult {
  readonly parents: Int32Array;
  /** [numNodes]: of each token in the row it was drawn from. */
  readonly probabilities: Float64Array;
  /** [numNodes]: 1 where the node's cells are in the cache. */
  readonly decoded: Int32Array;
}

export interface NativeContextInfo {
  readonly contextSize: number;
  readonly batchSize: number;
  readonly microBatchSize: number;
  readonly maxLeaves: number;
  readonly threads: number;
  readonly rollback: 'full' | 'bounded' | 'none';
  readonly rollbackTokens: number;
}

/** Told drawn tokens and how likely each was in its row, [numTokens] both. */
export type TokenListener = (
  tokens: Int32Array,
  probabilities: Float64Array,
  decodeMs: number,
  samplingMs: number,
) => void;

export interface NativeContext {
  info(): NativeContextInfo;
  /** Cells of a sequence; read it only while none of its calls is running. */
  length(sequence: number): number;
  decode(request: NativeDecodeRequest): Promise<NativeDecodeResult>;
  draft(request: NativeDraftRequest): Promise<NativeDraftResult>;
  /** Grows a tree of drawn tokens below the request's tokens; it stays below the tip until a path is committed. */
  grow(request: NativeGrowRequest): Promise<NativeGrowResult>;
  /**
   * Draws tokens one after the other and keeps all but the last in the sequence. Tells them in portions while it goes on,
   * the last ones before the promise settles, whatever it settles to; `stop` ends it after the token being drawn.
   */
  extend(request: NativeExtendRequest, onTokens: TokenListener): { promise: Promise<void>; stop: () => void };
  /** Keeps the path to `node` of the last decoded tree; -1 keeps none of it. */
  commit(sequence: number, node: number): Promise<void>;
  /** What a plan can thin out; the context has to be empty. */
  sparseSupport(): Promise<{
    attentionLayers: number;
    expertLayers: number;
    expertsUsed: number;
    feedForwardLayers: number;
  }>;
  /** Of the last decode, where its plan measured. */
  sparseMeasures(): Promise<NativeSparseMeasures>;
  /** Of the last decode, where its plan kept its choice. */
  sparseChoices(): Promise<NativeBlockChoice[]>;
  truncate(sequence: number, numPast: number): Promise<void>;
  /** Makes a sequence so long without computing its tokens. */
  claim(sequence: number, length: number): Promise<void>;
  saveState(sequence: number): Promise<Buffer>;
  loadState(sequence: number, bytes: Buffer, numTokens: number): Promise<void>;
  /** Makes all running and queued calls reject with the code ABORTED. */
  abort(): void;
  dispose(): void;
}

export interface NativeGguf {
  readonly version: number;
  readonly fileBytes: number;
  readonly architecture: string;
  readonly metadata: Record<string, string>;
  readonly tensors: readonly { name: string; type: string; bytes: number; shape: number[] }[];
}

export interface NativeMemoryEstimate {
  readonly numLayers: number;
  readonly devices: readonly {
    device: string;
    modelBytes: number;
    contextBytes: number;
    computeBytes: number;
  }[];
}

/** The exports of outrider.node. */
export interface NativeAddon {
  readonly llamaCppTag: string;
  readonly ggmlVersion: string;
  readonly Pool: new (threads: number) => NativePool;
  readonly Sampler: new (params: NativeSamplerParams) => NativeSampler;
  systemInfo(): string;
  devices(): NativeDevice[];
  loadPlugin(path: string): void;
  /** Levels: 1 debug, 2 info, 3 warn, 4 error. */
  setLogger(callback: ((level: number, text: string) => void) | undefined, minLevel: number): void;
  /** Aborts what runs and waits for its end; calls that compute reject from then on. */
  close(): void;
  readGguf(path: string): Promise<NativeGguf>;
  loadModel(
    path: string,
    options: NativeModelOptions,
    onProgress: ((progress: number) => void) | undefined,
  ): { promise: Promise<NativeModel>; abort: () => void };
  estimateMemory(
    path: string,
    model: NativeModelOptions,
    context: NativeContextOptions,
  ): Promise<NativeMemoryEstimate>;
  createContext(model: NativeModel, pool: NativePool, options: NativeContextOptions): Promise<NativeContext>;
  /** Rows from JavaScript arrays: offsets [numRows + 1], ids and probs [offsets[numRows]], ids ascending in a row. */
  packRows(offsets: Int32Array, ids: Int32Array, probs: Float64Array): NativeRows;
  /** [nextToken, 1 for bonus or 0 for recovered, bias, ...accepted nodes] */
  verify(
    rule: string,
    tokens: Int32Array,
    parents: Int32Array,
    targetRows: NativeRows,
    draftRows: NativeRows | undefined,
    accept: Float64Array,
    sample: Float64Array,
    epsilon?: number,
  ): Float64Array;
}
