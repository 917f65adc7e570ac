// The storm and M/M/1 of benchmarks/simulators.py as a C++ programmer would write them who knows that the event queue
// decides: a ladder queue for think times and backoffs, a ring for the time limits, a heap for few workers.
//
//   storm closed CLIENTS THINK WORKERS SERVICE LIMIT RETRIES BASE CAP SLOW_AT SLOW_UNTIL SPEED DURATION SEED
//   storm open RATE SERVICE REQUESTS SEED
//
// The queue has room for as many attempts as there are clients; who finds it full fails at once.
//
// Prints seconds of processor time, attempts, successes and the mean response time in s.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <limits>
#include <vector>

namespace {

constexpr double never = std::numeric_limits<double>::infinity();

struct Chance {
    uint64_t state;
    double uniform() {
        uint64_t z = (state += 0x9E3779B97F4A7C15ull);
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
        return double((z ^ (z >> 31)) >> 11) * 0x1.0p-53;
    }
    double exponential(double mean) { return -mean * std::log1p(-uniform()); }
};

struct Entry {
    double time;
    int32_t item;
    bool operator>(const Entry& other) const { return time > other.time; }
};

// Buckets of unsorted entries for later, one sorted slice for now, and a heap for what is added to it meanwhile.
class Ladder {
    double per_second_;
    int64_t slice_ = -1;
    std::vector<std::vector<Entry>> buckets_{4096};
    std::vector<Entry> now_, heap_;
    size_t first_ = 0, all_ = 0;

    void turn() {
        ++slice_;
        auto& bucket = buckets_[slice_ & 4095];
        if (bucket.empty()) return;
        now_.clear();
        first_ = 0;
        size_t kept = 0;
        for (const Entry& entry : bucket)
            if (int64_t(entry.time * per_second_) <= slice_) now_.push_back(entry);
            else bucket[kept++] = entry;
        bucket.resize(kept);
        std::sort(now_.begin(), now_.end(), [](const Entry& a, const Entry& b) { return a.time < b.time; });
    }

public:
    Ladder(double longest, double rate) : per_second_(std::min(4096 / longest, rate / 64)) {}

    void put(double time, int32_t item) {
        ++all_;
        int64_t slice = int64_t(time * per_second_);
        if (slice > slice_) {
            buckets_[slice & 4095].push_back({time, item});
        } else {
            heap_.push_back({time, item});
            std::push_heap(heap_.begin(), heap_.end(), std::greater<>{});
        }
    }
    double due() {
        if (all_ == 0) return never;
        while (first_ == now_.size() && heap_.empty()) turn();
        double time = first_ < now_.size() ? now_[first_].time : never;
        return heap_.empty() ? time : std::min(time, heap_[0].time);
    }
    int32_t take() {
        --all_;
        if (first_ < now_.size() && (heap_.empty() || now_[first_].time <= heap_[0].time)) return now_[first_++].item;
        std::pop_heap(heap_.begin(), heap_.end(), std::greater<>{});
        int32_t item = heap_.back().item;
        heap_.pop_back();
        return item;
    }
    int32_t upcoming() const { return first_ + 8 < now_.size() ? now_[first_ + 8].item : -1; }
};

template <typename T>
class Ring {
    std::vector<T> room_{1024};
    uint64_t head_ = 0, tail_ = 0;

public:
    bool empty() const { return head_ == tail_; }
    uint64_t size() const { return tail_ - head_; }
    T& front() { return room_[head_ & (room_.size() - 1)]; }
    T& at(uint64_t place) { return room_[place & (room_.size() - 1)]; }
    const T* ahead(uint64_t count) { return head_ + count < tail_ ? &at(head_ + count) : nullptr; }
    void pop() { ++head_; }
    uint64_t push(const T& value) {
        if (tail_ - head_ == room_.size()) {
            std::vector<T> larger(2 * room_.size());
            for (uint64_t place = head_; place < tail_; ++place) larger[place & (larger.size() - 1)] = at(place);
            room_.swap(larger);
        }
        at(tail_) = value;
        return tail_++;
    }
};

struct Client {
    double intended = 0;
    uint64_t limit = 0;
    uint32_t number = 0;
    int32_t attempt = 0;
};
struct Waiting {
    int32_t client;
    uint32_t number;
};

struct Totals {
    uint64_t attempts = 0, successes = 0;
    double response = 0;
};

Totals closed(char** a) {
    const int clients = atoi(a[0]), workers = atoi(a[2]), retries = atoi(a[5]);
    const double think = atof(a[1]), service = atof(a[3]), limit = atof(a[4]), base = atof(a[6]), cap = atof(a[7]);
    const double slow_at = atof(a[8]), slow_until = atof(a[9]), slow = atof(a[10]), duration = atof(a[11]);
    Chance chance{strtoull(a[12], nullptr, 10)};
    std::vector<Client> fleet(clients);
    std::vector<Waiting> jobs(workers);
    std::vector<int32_t> idle(workers);
    for (int i = 0; i < workers; ++i) idle[i] = i;
    Ladder waits(4 * think, clients / think), works(8 * service, workers / service);
    Ring<Entry> limits;
    Ring<Waiting> queue;
    Totals totals;
    double done = never;
    for (int i = 0; i < clients; ++i) waits.put(chance.exponential(think), i);

    auto serve = [&](double now) {
        while (!queue.empty() && !idle.empty()) {
            const int32_t job = idle.back();
            idle.pop_back();
            jobs[job] = queue.front();
            queue.pop();
            const double speed = now >= slow_at && now < slow_until ? slow : 1.0;
            works.put(now + chance.exponential(service) / speed, job);
        }
        done = works.due();
    };
    auto finish = [&](int32_t client, double now) {
        Client& one = fleet[client];
        one.attempt = 0;
        ++one.number;
        waits.put(now + chance.exponential(think), client);
    };

    auto fail = [&](int32_t client, double now) {
        Client& one = fleet[client];
        ++one.number;
        if (one.attempt > retries) {
            finish(client, now);
        } else {
            const double ceiling = std::min(cap, base * double(1u << (one.attempt - 1)));
            ++one.attempt;
            waits.put(now + chance.uniform() * ceiling, client);
        }
    };

    for (;;) {
        while (!limits.empty() && limits.front().item < 0) limits.pop();
        const double limit_due = limits.empty() ? never : limits.front().time, wake = waits.due();
        const double now = std::min(std::min(done, limit_due), wake);
        if (now >= duration) return totals;
        if (now == done) {
            const int32_t job = works.take(), later = works.upcoming();
            if (later >= 0) __builtin_prefetch(&fleet[jobs[later].client]);
            const Waiting served = jobs[job];
            idle.push_back(job);
            Client& one = fleet[served.client];
            if (one.number == served.number) {
                limits.at(one.limit).item = -1;
                ++totals.successes;
                totals.response += now - one.intended;
                finish(served.client, now);
            }
            serve(now);
        } else if (now == limit_due) {
            const int32_t client = limits.front().item;
            limits.pop();
            if (const Entry* later = limits.ahead(4); later && later->item >= 0) __builtin_prefetch(&fleet[later->item]);
            fail(client, now);
        } else {
            const int32_t client = waits.take(), later = waits.upcoming();
            if (later >= 0) __builtin_prefetch(&fleet[later]);
            Client& one = fleet[client];
            if (one.attempt == 0) {
                one.intended = now;
                one.attempt = 1;
            }
            ++totals.attempts;
            if (queue.size() >= uint64_t(clients)) {
                fail(client, now);
                continue;
            }
            one.limit = limits.push({now + limit, client});
            queue.push({client, one.number});
            serve(now);
        }
    }
}

Totals open(char** a) {
    const double rate = atof(a[0]), service = atof(a[1]);
    const long requests = atol(a[2]);
    Chance chance{strtoull(a[3], nullptr, 10)};
    Ring<Entry> queue;
    Totals totals;
    double arrival = chance.exponential(1 / rate), done = never;
    while (totals.attempts < uint64_t(requests) || done < never) {
        if (arrival < done) {
            queue.push({arrival, 0});
            if (done == never) done = arrival + chance.exponential(service);
            arrival = ++totals.attempts < uint64_t(requests) ? arrival + chance.exponential(1 / rate) : never;
        } else {
            ++totals.successes;
            totals.response += done - queue.front().time;
            queue.pop();
            done = queue.empty() ? never : done + chance.exponential(service);
        }
    }
    return totals;
}

}  // namespace

int main(int count, char** arguments) {
    const bool is_closed = count == 15 && !strcmp(arguments[1], "closed");
    if (!is_closed && !(count == 6 && !strcmp(arguments[1], "open"))) return 2;
    const clock_t began = clock();
    const Totals totals = is_closed ? closed(arguments + 2) : open(arguments + 2);
    const double took = double(clock() - began) / CLOCKS_PER_SEC;
    printf("%.4f %llu %llu %.6g\n", took, (unsigned long long)totals.attempts, (unsigned long long)totals.successes,
           totals.response / double(totals.successes));
}
