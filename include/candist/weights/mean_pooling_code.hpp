// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace candist {

/// modeling_mean_pooling.py, which save_pretrained puts beside a model with Pooling::mean:
/// transformers has no class for it, and loads this one where trust_remote_code is True.
inline constexpr std::string_view mean_pooling_code =
    R"python(# SPDX-FileCopyrightText: 2026 The candist authors
# SPDX-License-Identifier: Apache-2.0
"""BERT and RoBERTa classifiers of the mean of all tokens' hidden states, as candist trains them:

    AutoModelForSequenceClassification.from_pretrained(folder, trust_remote_code=True)
"""
import torch
from torch import nn
from transformers import BertModel, BertPreTrainedModel, RobertaModel, RobertaPreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput


def head_of(config):
    own = config.classifier_dropout
    dropout = nn.Dropout(config.hidden_dropout_prob if own is None else own)
    return dropout, nn.Linear(config.hidden_size, config.num_labels)


def classify(model, encoder, labels, attention_mask, inputs):
    outputs = encoder(attention_mask=attention_mask, return_dict=True, **inputs)
    hidden = outputs.last_hidden_state  # [N, T, D]
    if attention_mask is None:
        attention_mask = torch.ones(hidden.shape[:2], device=hidden.device)
    # [N, T, 1]; the sums are in float32, whatever the weights are.
    mask = attention_mask.unsqueeze(-1).float()
    mean = (hidden.float() * mask).sum(1) / mask.sum(1).clamp(min=1.0)
    logits = model.classifier(model.dropout(mean.to(hidden.dtype)))  # [N, C]
    loss = None
    if labels is not None:
        loss = nn.functional.cross_entropy(logits.view(-1, model.num_labels), labels.view(-1))
    return SequenceClassifierOutput(loss=loss, logits=logits, hidden_states=outputs.hidden_states,
                                    attentions=outputs.attentions)


class BertForMeanPooling(BertPreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        self.num_labels = config.num_labels
        self.bert = BertModel(config, add_pooling_layer=False)
        self.dropout, self.classifier = head_of(config)
        self.post_init()

    def forward(self, input_ids=None, attention_mask=None, labels=None, **inputs):
        inputs.pop("return_dict", None)
        inputs["input_ids"] = input_ids
        return classify(self, self.bert, labels, attention_mask, inputs)


class RobertaForMeanPooling(RobertaPreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        self.num_labels = config.num_labels
        self.roberta = RobertaModel(config, add_pooling_layer=False)
        self.dropout, self.classifier = head_of(config)
        self.post_init()

    def forward(self, input_ids=None, attention_mask=None, labels=None, **inputs):
        inputs.pop("return_dict", None)
        inputs["input_ids"] = input_ids
        return classify(self, self.roberta, labels, attention_mask, inputs)
)python";

}  // namespace candist
