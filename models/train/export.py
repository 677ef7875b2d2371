"""Writes a trained model as GGUF: export.py target | experts | draft. Uses the gguf package of llama.cpp's own source,
which the build of the addon unpacks."""
import argparse
import sys
from pathlib import Path

import numpy as np
import torch

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT / "native" / "llama.cpp" / "gguf-py"))

import gguf  # noqa: E402

import batches  # noqa: E402
import model as models  # noqa: E402
import tokenizer  # noqa: E402
import train  # noqa: E402

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|assistant|>' if message.role == 'assistant' else '<|user|>' }}{{ message.content }}<|end|>"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def write_tokenizer(writer: gguf.GGUFWriter, work: Path) -> None:
    pieces = tokenizer.load(work)
    tokens, scores, types = [], [], []
    for index in range(pieces.vocab_size()):
        piece = pieces.id_to_piece(index)
        tokens.append(piece.encode())
        scores.append(pieces.get_score(index))
        if pieces.is_unknown(index):
            types.append(gguf.TokenType.UNKNOWN)
        elif pieces.is_control(index) or piece in tokenizer.CHAT_TOKENS:
            types.append(gguf.TokenType.CONTROL)
        elif pieces.is_byte(index):
            types.append(gguf.TokenType.BYTE)
        else:
            types.append(gguf.TokenType.USER_DEFINED if piece == "\n" else gguf.TokenType.NORMAL)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores(scores)
    writer.add_token_types(types)
    writer.add_unk_token_id(pieces.unk_id())
    writer.add_bos_token_id(pieces.bos_id())
    writer.add_eos_token_id(pieces.eos_id())
    writer.add_eot_token_id(pieces.piece_to_id("<|end|>"))
    writer.add_add_bos_token(True)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(CHAT_TEMPLATE)


def write_shape(writer: gguf.GGUFWriter, shape: models.Shape) -> None:
    writer.add_context_length(batches.CONTEXT)
    writer.add_embedding_length(shape.n_embd)
    writer.add_block_count(shape.n_layer)
    writer.add_head_count(shape.n_head)
    writer.add_head_count_kv(shape.n_kv_head)
    writer.add_key_length(models.HEAD_SIZE)
    writer.add_value_length(models.HEAD_SIZE)
    writer.add_layer_norm_rms_eps(models.EPSILON)
    writer.add_rope_dimension_count(models.HEAD_SIZE)
    writer.add_rope_freq_base(models.ROPE_BASE)
    writer.add_vocab_size(shape.n_vocab)
    writer.add_feed_forward_length(shape.n_ff)
    if shape.n_expert:
        writer.add_expert_count(shape.n_expert)
        writer.add_expert_used_count(shape.n_expert_used)
        writer.add_expert_feed_forward_length(shape.n_ff)


def tensors(model: models.Transformer):
    """Names as llama.cpp has them, and values [rows, columns]."""
    yield "token_embd", model.embedding.weight
    yield "output_norm", model.norm
    yield "output", model.head.weight
    for index, block in enumerate(model.blocks):
        prefix = f"blk.{index}."
        attention = block.attention
        yield prefix + "attn_norm", block.attention_norm
        yield prefix + "attn_q", attention.q.weight
        yield prefix + "attn_k", attention.k.weight
        yield prefix + "attn_v", attention.v.weight
        yield prefix + "attn_output", attention.output.weight
        yield prefix + "ffn_norm", block.ffn_norm
        if model.shape.n_expert:
            yield prefix + "attn_q_norm", attention.q_norm
            yield prefix + "attn_k_norm", attention.k_norm
            yield prefix + "ffn_gate_inp", block.ffn.router.weight
            for part in ("gate", "up", "down"):
                weights = [getattr(expert, part).weight for expert in block.ffn.experts]
                yield f"{prefix}ffn_{part}_exps", torch.stack(weights)
        else:
            for part in ("gate", "up", "down"):
                yield f"{prefix}ffn_{part}", getattr(block.ffn, part).weight


def export(name: str, work: Path, path: Path) -> None:
    shape = train.SHAPES[name]
    model = models.Transformer(shape)
    model.load_state_dict(torch.load(work / f"{name}.pt", map_location="cpu")["model"])
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(path, shape.architecture)
    writer.add_name(f"Outrider demo {name}")
    write_shape(writer, shape)
    write_tokenizer(writer, work)
    for tensor_name, value in tensors(model):
        # Vectors and the router stay F32: they cost nothing, and the router decides.
        is_small = value.ndim == 1 or "ffn_gate_inp" in tensor_name
        array = value.detach().numpy().astype(np.float32 if is_small else np.float16)
        writer.add_tensor(f"{tensor_name}.weight", np.ascontiguousarray(array))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=train.SHAPES)
    parser.add_argument("--work", type=Path, default=HERE / "work")
    parser.add_argument("--to", type=Path, help="default: models/demo/NAME.gguf")
    options = parser.parse_args()
    export(options.name, options.work, options.to or ROOT / "models" / "demo" / f"{options.name}.gguf")
