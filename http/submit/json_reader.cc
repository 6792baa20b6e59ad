#include "http/submit/json_reader.h"

#include "http/submit/json_walk.h"

namespace barid::http {
namespace {

constexpr size_t kKeptBytesMax = 1 << 20;  // a larger document's memory is given back

}  // namespace

void JsonReader::expect(size_t bytes) { document_.reserve(bytes + kJsonPaddingBytes); }

bool JsonReader::finish() {
  problem_ = {};
  value_ = {};
  document_.reserve(document_.size() + kJsonPaddingBytes);
  ParserLease parser;
  bool good = parser.reserve(document_.size());
  if (!good) problem_.text = "it is too large";
  simdjson::ondemand::document document;
  JsonWalk walk(&problem_);
  good = good && walk.begin(parser.get(), document_, document_.capacity(), &document) &&
         walk.value(document, &value_) && walk.end(document);
  if (document_.size() > kKeptBytesMax) document_ = {};
  document_.clear();
  return good;
}

}  // namespace barid::http
