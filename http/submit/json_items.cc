#include "http/submit/json_items.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "http/submit/json_walk.h"

namespace barid::http {
namespace {

namespace od = simdjson::ondemand;

class ArrayItems final : public JsonItems {
 public:
  explicit ArrayItems(std::string document) : text_(std::move(document)) {}

  Step next(JsonValue* item) override {
    if (!begun_ && !begin()) return finished_;
    if (at_ == end_) return walk_.end(document_) ? Step::kEnd : Step::kProblem;
    *item = {};
    if (!walk_.item(*at_, index_, item)) return Step::kProblem;
    ++at_;
    ++index_;
    return Step::kItem;
  }

 private:
  bool begin() {
    begun_ = true;
    finished_ = Step::kProblem;
    text_.reserve(text_.size() + kJsonPaddingBytes);
    if (!parser_.reserve(text_.size())) {
      problem_.text = "it is too large";
      return false;
    }
    if (!walk_.begin(parser_.get(), text_, text_.capacity(), &document_)) return false;
    od::json_type type{};
    if (document_.type().get(type) == simdjson::SUCCESS && type == od::json_type::array) {
      od::array array;
      return walk_.enter(document_, &array) && array.begin().get(at_) == simdjson::SUCCESS &&
             array.end().get(end_) == simdjson::SUCCESS;
    }
    JsonValue other;
    if (walk_.value(document_, &other) && walk_.end(document_)) finished_ = Step::kNotArray;
    return false;
  }

  std::string text_;
  ParserLease parser_;
  JsonWalk walk_{&problem_};
  bool begun_ = false;
  Step finished_ = Step::kProblem;  // if it never began
  od::document document_;
  od::array_iterator at_, end_;
  size_t index_ = 0;
};

class LineItems final : public JsonItems {
 public:
  explicit LineItems(std::string lines) : lines_(std::move(lines)) {}

  Step next(JsonValue* item) override {
    std::string_view line;
    while (line.find_first_not_of(" \t\r") == std::string_view::npos) {
      if (at_ >= lines_.size()) return Step::kEnd;
      const size_t feed = std::min(lines_.find('\n', at_), lines_.size());
      line = std::string_view(lines_).substr(at_, feed - at_);
      at_ = feed + 1;
    }
    reader_.add(line);
    if (!reader_.finish()) {
      problem_ = reader_.problem();
      return Step::kBadLine;
    }
    *item = reader_.take();
    return Step::kItem;
  }

 private:
  const std::string lines_;
  size_t at_ = 0;
  JsonReader reader_;
};

}  // namespace

std::unique_ptr<JsonItems> array_items(std::string document) {
  return std::make_unique<ArrayItems>(std::move(document));
}

std::unique_ptr<JsonItems> line_items(std::string lines) {
  return std::make_unique<LineItems>(std::move(lines));
}

}  // namespace barid::http
