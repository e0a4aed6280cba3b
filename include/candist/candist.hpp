// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Everything a C++20 compiler can use; no CUDA header is reached. Only the language model as a teacher is on its own
// (annotators/openai.hpp, chat/), for it costs every file of yours two seconds.
#pragma once

#include "candist/annotators/ensemble.hpp"
#include "candist/annotators/gold.hpp"
#include "candist/annotators/partial_label_generators.hpp"
#include "candist/annotators/recorded.hpp"
#include "candist/annotators/simulated.hpp"
#include "candist/augmenters/second_view.hpp"
#include "candist/augmenters/word_dropout.hpp"
#include "candist/candidates/dense.hpp"
#include "candist/candidates/mask.hpp"
#include "candist/candidates/sparse.hpp"
#include "candist/candidates/statistics.hpp"
#include "candist/concepts.hpp"
#include "candist/config.hpp"
#include "candist/data/annotation_file.hpp"
#include "candist/data/dataset.hpp"
#include "candist/data/vote_tensor.hpp"
#include "candist/data/wordnet.hpp"
#include "candist/methods.hpp"
#include "candist/metrics/accuracy.hpp"
#include "candist/metrics/calibration.hpp"
#include "candist/optimizers/adagrad.hpp"
#include "candist/optimizers/adamw.hpp"
#include "candist/optimizers/row_adagrad.hpp"
#include "candist/optimizers/schedules.hpp"
#include "candist/optimizers/sgd.hpp"
#include "candist/students/embedding_bag_mlp.hpp"
#include "candist/students/hashed_linear.hpp"
#include "candist/students/transformer.hpp"
#include "candist/text/tokenizer_folder.hpp"
#include "candist/training/distiller.hpp"
#include "candist/training/progress_bar.hpp"
