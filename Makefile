# SPDX-License-Identifier: Apache-2.0
#
# The whole build in one file: berthd, berthctl, tests, fuzz targets, install.
# `make help` lists the targets. What is built lies below build/: the
# development build at its top, others in build/<mode>/.

VERSION := 0.1.0
PREFIX ?= /usr/local
DESTDIR ?=
PYTHON ?= /usr/bin/python3
ROOMS ?= agent protocol hooks conf
FUZZ_SECONDS ?= 60

comma := ,
MODE := $(if $(SAN),$(subst $(comma),-,$(SAN)),$(if $(RELEASE),release))
BUILD ?= build$(MODE:%=/%)

# --- flags -------------------------------------------------------------------

# Looked up when first needed, so that `make check` may install them before.
PACKAGES := libvirt libvirt-qemu libxml-2.0 jansson libevent_core libevent_extra \
            libevent_pthreads openssl sqlite3 libsystemd inih libcurl libiscsi
PKG_CFLAGS = $(eval PKG_CFLAGS := $$(patsubst -I%,-isystem%,$$(shell \
             pkg-config --cflags $(PACKAGES))))$(PKG_CFLAGS)
PKG_LIBS = $(eval PKG_LIBS := $$(shell pkg-config --libs $(PACKAGES)))$(PKG_LIBS)

WARN := -Wall -Wextra -Wshadow -Wconversion -Werror
BASE := -std=gnu11 -D_GNU_SOURCE -DBERTH_VERSION='"$(VERSION)"' -I. -pthread $(WARN)
ifdef RELEASE
OPT := -O2 -g -DNDEBUG -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE
LINK := -pie -Wl,-z,relro,-z,now
else
OPT := -O1 -g
endif
ifdef SAN
OPT += -fno-omit-frame-pointer -fsanitize=$(SAN) \
       $(if $(findstring undefined,$(SAN)),-fno-sanitize-recover=undefined)
LINK += -fsanitize=$(SAN)
endif
COMPILE = $(CC) $(BASE) $(PKG_CFLAGS) $(OPT) $(CFLAGS) -MMD -MP -c -o $@ $<
LIBS = -Wl,--as-needed $(PKG_LIBS) -pthread

# One short line per file; V=1 shows the commands.
say = $(if $(V),,@echo '  $(1) $@'; )

# --- sources -----------------------------------------------------------------

SRC := $(sort $(shell find $(ROOMS) -name '*.c' 2>/dev/null))
MAIN := agent/main.c
CTL_MAIN := agent/ctl/main.c
CTL := $(filter agent/ctl/%,$(SRC))
# The helper that runs one hook script: a program of its own.
EXEC := $(filter hooks/exec/%,$(SRC))
LIB := $(filter-out $(MAIN) $(CTL) $(EXEC),$(SRC))
SHARED := $(filter agent/common/% protocol/%,$(SRC))
UNIT := $(sort $(wildcard tests/unit/test_*.c))
FUZZ := $(sort $(wildcard tests/fuzz/fuzz_*.c))

obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
UNIT_BIN := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(UNIT))
FUZZ_BIN := $(patsubst tests/fuzz/%.c,build/fuzz/%,$(FUZZ))

PYTHON_FILES := $(shell cd hooks && find python -name '*.py' | sort)
LIBEXEC := $(BUILD)/libexec/berth-exec \
           $(PYTHON_FILES:%=$(BUILD)/libexec/%)

all: $(BUILD)/berthd $(BUILD)/berthctl $(BUILD)/run $(LIBEXEC)

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC)$(COMPILE)

$(BUILD)/libberth.a: $(call obj,$(LIB))
$(BUILD)/libshared.a: $(call obj,$(SHARED))
$(BUILD)/libberthctl.a: $(call obj,$(filter-out $(CTL_MAIN),$(CTL)))
# q, not r: two rooms may have a file of the same name.
$(BUILD)/libberth.a $(BUILD)/libshared.a $(BUILD)/libberthctl.a:
	@mkdir -p $(@D)
	@rm -f $@
	$(call say,AR)ar qcs $@ $^

$(BUILD)/berthd: $(call obj,$(MAIN)) $(BUILD)/libberth.a
	$(call say,LD)$(CC) $(OPT) $(LINK) $(LDFLAGS) -o $@ $^ $(LIBS)

# berthctl gets nothing but protocol/ and agent/common/ to link with.
$(BUILD)/berthctl: $(call obj,$(CTL_MAIN)) $(BUILD)/libberthctl.a \
                   $(BUILD)/libshared.a
	$(call say,LD)$(CC) $(OPT) $(LINK) $(LDFLAGS) -o $@ $^ $(LIBS)

# Beside berthd as it is beside the installed one: see agent/options.c.
$(BUILD)/libexec/berth-exec: $(call obj,$(EXEC)) $(BUILD)/libshared.a
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(OPT) $(LINK) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/libexec/python/%: hooks/python/%
	@mkdir -p $(@D)
	$(call say,CP)cp $< $@

$(BUILD)/tests/%: $(BUILD)/obj/tests/unit/%.o $(BUILD)/libberth.a | $(LIBEXEC)
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(OPT) $(LINK) $(LDFLAGS) -o $@ $^ -lcmocka $(LIBS)

# berthctl's own tests: the shorter stem wins over the rule above.
$(BUILD)/tests/test_ctl_%: $(BUILD)/obj/tests/unit/test_ctl_%.o \
                           $(BUILD)/libberthctl.a $(BUILD)/libshared.a
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(OPT) $(LINK) $(LDFLAGS) -o $@ $^ -lcmocka $(LIBS)

$(BUILD)/bench/%: $(BUILD)/obj/tests/bench/%.o $(BUILD)/libberth.a
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(OPT) $(LINK) $(LDFLAGS) -o $@ $^ $(LIBS)

# Run the tree uninstalled: build/run berthd …, build/run make …
$(BUILD)/run: Makefile
	@mkdir -p $(@D)
	@printf '#!/bin/sh\nPATH="%s:$$PATH" exec "$$@"\n' '$(abspath $(BUILD))' >$@
	@chmod 755 $@

# Makes namespaces for the integration tests: the same for every build.
build/tests/nsinit: tests/lib/nsinit.c
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(BASE) -O1 -g -o $@ $<

# A stand-in for VMware hosts, of the library that Debian packages.
ESXSIM := $(wildcard tests/esxsim/*.go)
build/tests/esxsim: $(ESXSIM)
	@mkdir -p $(@D)
	$(call say,GO)cd tests/esxsim && GO111MODULE=off GOPATH=/usr/share/gocode \
	    GOCACHE=$(abspath build/gocache) GOFLAGS= go build -o ../../$@ .

# Preloaded by tests that need a disk to fail.
build/tests/fault.so: tests/lib/fault.c
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(BASE) -O1 -g -shared -fPIC -o $@ $<

# --- fuzzing: everything again under clang -----------------------------------

FUZZ_FLAGS := -O1 -g -fno-omit-frame-pointer -fno-sanitize-recover=undefined

build/fuzz/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC)clang $(BASE) $(PKG_CFLAGS) $(FUZZ_FLAGS) \
	    -fsanitize=fuzzer-no-link,address,undefined -MMD -MP -c -o $@ $<

build/fuzz/libberth.a: $(patsubst %.c,build/fuzz/obj/%.o,$(LIB))
	@rm -f $@
	$(call say,AR)ar qcs $@ $^

build/fuzz/fuzz_%: build/fuzz/obj/tests/fuzz/fuzz_%.o build/fuzz/libberth.a
	$(call say,LD)clang $(FUZZ_FLAGS) -fsanitize=fuzzer,address,undefined -o $@ $^ $(LIBS)

fuzz-build: $(FUZZ_BIN)
fuzz: fuzz-build
	FUZZ_SECONDS=$(FUZZ_SECONDS) tests/lib/run-fuzz $(FUZZ_BIN)

# --- checks ------------------------------------------------------------------

# Unit tests entered by several threads, and those that Valgrind reads too.
THREADED := pool lane join held dispatch store store_file outbox notify eventlog vm_table lock log hyper \
            watch watchdog journal receipts ops session clock_uuid apply \
            away later helper sample hooks
CORE := json xml buf err lines conf jsonrpc address disk vm disk_plan vm_plan \
        params controller topology judge environ scripts
pick = $(filter $(patsubst %,$(BUILD)/tests/test_%,$(1)),$(UNIT_BIN))


# run-unit NAME, OPTIONS, PROGRAMS: build what can be built, run it, count.
define run-unit
+@$(MAKE) --no-print-directory -k $(3); built=$$?; \
$(PYTHON) tests/lib/run-unit.py --count $(BUILD)/check/$(1).count $(2) $(3) && \
exit $$built
endef

# TSan of some compilers cannot bear much randomness in addresses.
FIXED = $(shell setarch -R true 2>/dev/null && echo setarch -R)

unit-build: $(UNIT_BIN)
check-unit:
	$(call run-unit,unit,,$(UNIT_BIN))
check-threaded:
	$(call run-unit,threaded,--timeout 300 $(if $(FIXED),--wrap '$(FIXED)'),$(call pick,$(THREADED)))
check-valgrind:
	$(call run-unit,valgrind,--timeout 300 --wrap 'valgrind -q \
	    --error-exitcode=99 --leak-check=full \
	    --errors-for-leak-kinds=definite',$(call pick,$(CORE)))
check-it: all build/tests/nsinit build/tests/fault.so build/tests/esxsim
	@mkdir -p $(BUILD)/check
	@BERTH_BUILD=$(abspath $(BUILD)) tests/it/run $(SAN:%=--san %) $(IT)
lint:
	-+@$(MAKE) --no-print-directory -k all >/dev/null
	@LINT_FLAGS="$(subst ",\",$(BASE) $(PKG_CFLAGS))" BERTH_BUILD=$(BUILD) \
	    tests/lint/run
check:
	+@MAKE='$(MAKE)' tests/lib/check base
check-deep:
	+@MAKE='$(MAKE)' FUZZ_SECONDS=$(FUZZ_SECONDS) tests/lib/check deep

deps:
	@packaging/install-deps.sh
demo:
	@tests/demo/demo.sh
bench-build: all $(patsubst tests/bench/%.c,$(BUILD)/bench/%,$(wildcard tests/bench/*.c))
bench: build/tests/nsinit
	+@$(MAKE) --no-print-directory RELEASE=1 bench-build
	@BERTH_BUILD=$(abspath build/release) tests/bench/run $(BENCH)

# --- installation ------------------------------------------------------------

D = $(DESTDIR)$(PREFIX)
SYSTEM := $(DESTDIR)/usr/lib
PODS := $(wildcard packaging/man/*.pod)

install:
	+@$(MAKE) --no-print-directory RELEASE=1 all
	install -D -m 755 build/release/berthd $(D)/sbin/berthd
	install -D -m 755 build/release/berthctl $(D)/bin/berthctl
	install -D -m 755 build/release/libexec/berth-exec \
	    $(D)/libexec/berth/berth-exec
	@for file in $(PYTHON_FILES); do \
	    install -D -m 644 "hooks/$$file" "$(D)/libexec/berth/$$file" || exit 1; \
	done
	install -D -m 644 packaging/berth.sysusers $(SYSTEM)/sysusers.d/berth.conf
	install -D -m 644 packaging/berth.tmpfiles $(SYSTEM)/tmpfiles.d/berth.conf
	@cd hooks && find examples README.md -type f | while read file; do \
	    mode=644; [ -x "$$file" ] && mode=755; \
	    install -D -m $$mode "$$file" "$(D)/share/doc/berth/hooks/$$file" || \
	        exit 1; \
	done
	install -D -m 644 conf/berth.conf.sample \
	    $(D)/share/doc/berth/berth.conf.sample
	install -D -m 644 packaging/berthctl.bash-completion \
	    $(D)/share/bash-completion/completions/berthctl
	@mkdir -p $(SYSTEM)/systemd/system
	sed 's|@SBINDIR@|$(PREFIX)/sbin|' packaging/berthd.service \
	    >$(SYSTEM)/systemd/system/berthd.service
	@for pod in $(PODS); do \
	    page=$${pod##*/}; page=$${page%.pod}; section=$${page##*.}; \
	    mkdir -p $(D)/share/man/man$$section; \
	    echo "pod2man $$page"; \
	    pod2man --name="$${page%.*}" --section="$$section" --center=berth \
	        --release='berth $(VERSION)' --utf8 "$$pod" \
	        "$(D)/share/man/man$$section/$$page" || exit 1; \
	done

clean:
	rm -rf build

help:
	@echo 'make              build/berthd, build/berthctl, build/run'
	@echo 'make check        install what is missing, then lint and every test'
	@echo 'make check-unit   unit tests          make check-it    integration tests'
	@echo 'make lint         the rules of the house'
	@echo 'make check-deep   sanitizers, Valgrind, fuzzing (40 minutes at most)'
	@echo 'make demo         a VM and its disks, from nothing, in 90 s'
	@echo 'make bench        figures beside their references'
	@echo 'make fuzz         fuzz targets, FUZZ_SECONDS=$(FUZZ_SECONDS) each'
	@echo 'make deps         install what is missing (NO_INSTALL=1: only say so)'
	@echo 'make install      DESTDIR= PREFIX=$(PREFIX), hardened release build'
	@echo 'make clean        remove build/'
	@echo
	@echo 'SAN=address|undefined|thread|address,undefined   builds in build/<mode>/'
	@echo 'RELEASE=1                                        builds in build/release/'
	@echo 'V=1                                              shows every command'
	@echo 'build/run berthd …                               runs the tree uninstalled'

.PHONY: all fuzz fuzz-build unit-build check-unit check-threaded check-valgrind \
        check-it lint check check-deep deps demo bench bench-build install clean help
.SECONDARY:
.DELETE_ON_ERROR:

-include $(shell find $(BUILD)/obj build/fuzz/obj -name '*.d' 2>/dev/null)
