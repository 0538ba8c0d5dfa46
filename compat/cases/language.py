"""Text: tokenizers, transformers, gensim, spacy, textblob, wordcloud, language models' clients."""

from __future__ import annotations

from compat.case import Case, Family

TRANSFORMERS_SETUP = """
import os
os.environ['HF_HUB_OFFLINE'] = '1'
import torch, transformers, tokenizers, datasets
from tokenizers import Tokenizer, models, trainers, pre_tokenizers
torch.set_num_threads(1)
words = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'a', 'cat', 'sat', '##s', 'dog']
open('vocab.txt', 'w').write('\\n'.join(words))
def tokenizer():
    made = Tokenizer(models.WordLevel({'a': 0, 'cat': 1, '[UNK]': 2}, unk_token='[UNK]'))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    return made
def tiny():
    torch.manual_seed(0)
    return transformers.DistilBertConfig(vocab_size=20, dim=8, hidden_dim=16, n_layers=1, n_heads=2, max_position_embeddings=16)
ids = torch.tensor([[1, 2, 3]])
"""

TRANSFORMERS = (
    Case(
        "transformers.BertTokenizer",
        "x = transformers.BertTokenizer('vocab.txt')",
        "x.add_tokens(['bird'])\nNone",
        "x.tokenize('a cats bird'), len(x)",
        ("78",),
    ),
    Case(
        "tokenizers.Tokenizer",
        "x = tokenizer()",
        "x.add_tokens(['dog'])\nNone",
        "x.encode('a dog').tokens",
        ("79",),
        dist="tokenizers",
    ),
    Case(
        "transformers.DistilBertForSequenceClassification",
        "x = transformers.DistilBertForSequenceClassification(tiny()).eval()",
        "with torch.no_grad():\n    x.classifier.weight.mul_(2)",
        "x(ids).logits.detach().numpy()",
        ("100",),
    ),
    Case(
        "transformers.PreTrainedTokenizerFast",
        "x = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer(), unk_token='[UNK]')",
        "x.add_special_tokens({'pad_token': '[PAD]'})\nNone",
        "x('a cat')['input_ids'], x.pad_token",
    ),
    Case("transformers.PretrainedConfig", "x = tiny()", "x.dim = 16", "x.to_dict()['dim'], x.num_labels"),
    Case(
        "transformers.GPT2LMHeadModel",
        "torch.manual_seed(0)\nx = transformers.GPT2LMHeadModel(transformers.GPT2Config(vocab_size=20, n_embd=8, n_layer=1, n_head=2, n_positions=16)).eval()",
        "with torch.no_grad():\n    x.transformer.wte.weight.mul_(2)",
        "x(ids).logits.sum().item(), x.generate(ids, max_new_tokens=3, do_sample=False, pad_token_id=0).tolist(), x.lm_head.weight is x.transformer.wte.weight",
    ),
    Case(
        "transformers.BatchEncoding",
        "x = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer(), unk_token='[UNK]')(['a', 'cat'])",
        "x['k'] = [1]",
        "dict(x), x.tokens(0)",
    ),
    Case(
        "datasets.Dataset",
        "x = datasets.Dataset.from_dict({'a': [1, 2, 3]})",
        "x = x.map(lambda r: {'b': r['a'] * 2})",
        "x[:2], x.column_names",
        dist="datasets",
    ),
    Case(
        "transformers.TrainingArguments",
        "x = transformers.TrainingArguments('out', report_to=[], use_cpu=True)",
        "x.learning_rate = 0.5",
        "x.learning_rate, x.num_train_epochs",
    ),
)

TEXT_SETUP = """
import numpy as np, gensim.models, gensim.corpora, spacy, spacy.tokens, textblob, wordcloud, wordcloud.wordcloud
sentences = [['a', 'cat', 'sat'], ['a', 'dog', 'sat'], ['the', 'cat', 'ran']] * 3
"""

TEXT = (
    Case(
        "gensim.models.Word2Vec",
        "x = gensim.models.Word2Vec(sentences, vector_size=4, min_count=1, workers=1, seed=1, epochs=2, sample=0)",
        "x.train(sentences, total_examples=9, epochs=5, start_alpha=0.5)\nNone",
        "x.train_count, x.wv['cat'].tolist(), x.wv.most_similar('cat', topn=2)",
        ("98",),
        dist="gensim",
    ),
    Case(
        "gensim.corpora.Dictionary",
        "x = gensim.corpora.Dictionary(sentences)",
        "x.add_documents([['bird']])",
        "x.doc2bow(['bird', 'cat']), len(x)",
        dist="gensim",
    ),
    Case(
        "gensim.models.LdaModel",
        "d = gensim.corpora.Dictionary(sentences)\nbags = [d.doc2bow(s) for s in sentences]\nx = gensim.models.LdaModel(bags, 2, d, random_state=1)",
        "x.update(bags[:2])",
        "x.get_topics().round(4).tolist(), x.num_topics, x.num_updates",
        dist="gensim",
    ),
    Case(
        "spacy.Language",
        "x = spacy.blank('en')",
        "x.add_pipe('sentencizer')\nNone",
        "[s.text for s in x('A cat. A dog.').sents] if 'sentencizer' in x.pipe_names else x.pipe_names",
        dist="spacy",
    ),
    Case(
        "spacy.tokens.Doc",
        "x = spacy.blank('en')('A cat sat')",
        "x.user_data['k'] = 1; x[0].norm_ = 'q'",
        "[t.norm_ for t in x], dict(x.user_data)",
        dist="spacy",
    ),
    Case(
        "textblob.TextBlob",
        "x = textblob.TextBlob('A cat sat. A dog ran.')",
        "x = x.replace('cat', 'bird')\nalias = x\nbox = [x]",
        "str(x.upper()), len(x)",
        ("19",),
        dist="textblob",
    ),
    Case(
        "wordcloud.WordCloud",
        "x = wordcloud.WordCloud(width=60, height=40, random_state=1, max_words=5).generate_from_frequencies({'a': 3, 'b': 2})",
        "x.generate_from_frequencies({'c': 3, 'd': 1})\nNone",
        "x.words_, x.to_array().shape, x.layout_",
        ("18",),
        dist="wordcloud",
    ),
)

CLIENTS_SETUP = """
import openai, anthropic, boto3, langchain_core.prompts, langchain_core.messages, langchain_core.documents
import langchain_core.runnables, llm, structlog, orjson
from llm.default_plugins.openai_models import Chat
"""

CLIENTS = (
    Case(
        "llm.default_plugins.openai_models.Chat",
        "x = Chat('m')",
        "x.api_base = 'http://example.org'",
        "x.model_id, x.api_base, str(x)",
        ("144",),
        dist="llm",
    ),
    Case(
        "openai.OpenAI",
        "x = openai.OpenAI(api_key='k', base_url='http://example.org')",
        "x.api_key = 'j'",
        "x.api_key, str(x.base_url), x.max_retries",
        dist="openai",
    ),
    Case(
        "anthropic.Anthropic",
        "x = anthropic.Anthropic(api_key='k')",
        "x.api_key = 'j'",
        "x.api_key, x.max_retries",
        dist="anthropic",
    ),
    Case(
        "boto3.client",
        "x = boto3.client('s3', region_name='eu-west-1', aws_access_key_id='a', aws_secret_access_key='b')",
        "x = boto3.client('s3', region_name='eu-central-1', aws_access_key_id='a', aws_secret_access_key='b')",
        "x.meta.region_name, x.generate_presigned_url('get_object', {'Bucket': 'b', 'Key': 'k'})[:20]",
        dist="boto3",
    ),
    Case(
        "langchain_core.prompts.ChatPromptTemplate",
        "x = langchain_core.prompts.ChatPromptTemplate.from_messages([('system', 's'), ('human', '{q}')])",
        "x.append(('ai', '{r}'))",
        "[m.content for m in x.format_messages(q='1', r='2')]",
        dist="langchain-core",
    ),
    Case(
        "langchain_core.documents.Document",
        "x = langchain_core.documents.Document('t')",
        "x.metadata['k'] = 1",
        "x.model_dump()",
        dist="langchain-core",
    ),
    Case(
        "langchain_core.runnables.RunnableLambda",
        "x = langchain_core.runnables.RunnableLambda(lambda v: v + 1)",
        "x = x | (lambda v: v * 2)",
        "x.invoke(1)",
        dist="langchain-core",
    ),
    Case(
        "structlog.BoundLogger",
        "lines = []\nx = structlog.wrap_logger(structlog.PrintLogger(), processors=[lambda *a: lines.append(a[2]) or 's'])",
        "x = x.bind(a=1)",
        "x.info('m'); lines[-1]",
        dist="structlog",
    ),
)

FAMILIES = (
    Family("transformers", "transformers", TRANSFORMERS_SETUP, TRANSFORMERS, "full"),
    Family("text", "", TEXT_SETUP, TEXT, "full"),
    Family("services", "", CLIENTS_SETUP, CLIENTS, "full"),
)
