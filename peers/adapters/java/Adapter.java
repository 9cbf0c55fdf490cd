import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.math.BigDecimal;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.PublicKey;
import java.security.Signature;
import java.security.SignatureException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.interfaces.ECPublicKey;
import java.security.interfaces.EdECPublicKey;
import java.security.interfaces.RSAPublicKey;
import java.security.spec.MGF1ParameterSpec;
import java.security.spec.PSSParameterSpec;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * An adapter for ekmcheck: Session-Binding Proofs verified with the JDK alone, as a resource server would.
 *
 * <p>One JSON object a line in, one a line out (docs/adapters.md). The JDK has no JSON, so that is read here.
 */
final class Adapter {
    private static final String LABEL = "EXPORTER-oauth-tls-session-bound";
    private static final String TYP = "tls-binding-proof+jwt";
    private static final Base64.Encoder BASE64URL = Base64.getUrlEncoder().withoutPadding();

    private static final class Refused extends Exception {
        final String check;

        Refused(String check, String detail) {
            super(detail);
            this.check = check;
        }
    }

    private static final class Unsupported extends Exception {
        Unsupported(String why) { super(why); }
    }

    private static void require(boolean holds, String check, String detail) throws Refused {
        if (!holds) throw new Refused(check, detail);
    }

    // ---- JSON (RFC 8259), with members of one name refused

    private static final class Json {
        private final String text;
        private int at;

        private Json(String text) {
            this.text = text;
        }

        static Object read(String text) {
            Json json = new Json(text);
            Object value = json.value(0);
            json.space();
            if (json.at < text.length()) throw json.wrong();
            return value;
        }

        private IllegalArgumentException wrong() {
            return new IllegalArgumentException("no JSON at character " + at);
        }

        private void space() {
            while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) at++;
        }

        private boolean take(String word) {
            if (!text.startsWith(word, at)) return false;
            at += word.length();
            return true;
        }

        private boolean next(String sign) {
            space();
            return take(sign);
        }

        private Object value(int depth) {
            if (depth > 100) throw new IllegalArgumentException("nested too deeply");
            space();
            if (take("null")) return null;
            if (take("true")) return true;
            if (take("false")) return false;
            if (take("\"")) return string();
            if (take("[")) {
                List<Object> items = new ArrayList<>();
                if (next("]")) return items;
                do items.add(value(depth + 1)); while (next(","));
                if (!next("]")) throw wrong();
                return items;
            }
            if (take("{")) {
                Map<String, Object> members = new LinkedHashMap<>();
                if (next("}")) return members;
                do {
                    if (!next("\"")) throw wrong();
                    String name = string();
                    if (!next(":") || members.containsKey(name)) throw wrong();
                    members.put(name, value(depth + 1));
                } while (next(","));
                if (!next("}")) throw wrong();
                return members;
            }
            var number = NUMBER.matcher(text).region(at, text.length());
            if (!number.lookingAt()) throw wrong();
            at = number.end();
            // As most readers have it; whole numbers of this protocol fit.
            return Double.valueOf(number.group());
        }

        private static final Pattern NUMBER = Pattern.compile("-?(0|[1-9][0-9]*+)(\\.[0-9]++)?([eE][+-]?[0-9]++)?");

        private String string() {
            StringBuilder out = new StringBuilder();
            while (at < text.length()) {
                char c = text.charAt(at++);
                if (c == '"') return out.toString();
                if (c < ' ') throw wrong();
                if (c != '\\') {
                    out.append(c);
                    continue;
                }
                int known = at < text.length() ? "\"\\/bfnrtu".indexOf(text.charAt(at++)) : -1;
                if (known < 0) throw wrong();
                if (known < 8) {
                    out.append("\"\\/\b\f\n\r\t".charAt(known));
                } else if (at + 4 <= text.length() && text.substring(at, at + 4).matches("[0-9A-Fa-f]{4}")) {
                    out.append((char) HexFormat.fromHexDigits(text, at, at + 4));
                    at += 4;
                } else {
                    throw wrong();
                }
            }
            throw wrong();
        }

        static String write(String text) {
            StringBuilder out = new StringBuilder("\"");
            for (char c : text.toCharArray()) {
                if (c == '"' || c == '\\') out.append('\\').append(c);
                else if (c < ' ' || c > '~') out.append(String.format("\\u%04x", (int) c));
                else out.append(c);
            }
            return out.append('"').toString();
        }
    }

    private static Map<?, ?> object(byte[] octets) throws Refused {
        try {
            var text = StandardCharsets.UTF_8.newDecoder().decode(java.nio.ByteBuffer.wrap(octets)).toString();
            if (Json.read(text) instanceof Map<?, ?> members) return members;
        } catch (IllegalArgumentException | CharacterCodingException e) {
            throw new Refused("format", String.valueOf(e.getMessage()));
        }
        throw new Refused("format", "no JSON object");
    }

    // ---- the proof

    private static String thumbprint(byte[] octets) throws GeneralSecurityException {
        return BASE64URL.encodeToString(MessageDigest.getInstance("SHA-256").digest(octets));
    }

    /** A verifier for the algorithm, if it fits the key. */
    private static Signature signatureFor(PublicKey key, Object alg) throws Refused, Unsupported, GeneralSecurityException {
        String name = alg instanceof String text ? text : "";
        String bits = name.replaceFirst("^(ES|PS|RS)(?=(256|384|512)$)", "");
        if (key instanceof ECPublicKey ec) {
            String fits = Map.of(256, "ES256", 384, "ES384", 521, "ES512").get(ec.getParams().getOrder().bitLength());
            if (fits == null) throw new Unsupported("the curve " + ec.getParams());
            require(name.equals(fits), "alg", "does not fit the key");
            return Signature.getInstance("SHA" + bits + "withECDSAinP1363Format");
        }
        if (key instanceof EdECPublicKey ed && ed.getParams().getName().equals("Ed25519")) {
            require(name.equals("EdDSA"), "alg", "does not fit the key");
            return Signature.getInstance("Ed25519");
        }
        if (!(key instanceof RSAPublicKey)) throw new Unsupported("keys of the type " + key.getAlgorithm());
        require(name.matches("[PR]S(256|384|512)"), "alg", "does not fit the key");
        if (name.startsWith("RS")) return Signature.getInstance("SHA" + bits + "withRSA");
        Signature pss = Signature.getInstance("RSASSA-PSS");
        var mask = new MGF1ParameterSpec("SHA-" + bits);
        pss.setParameter(new PSSParameterSpec("SHA-" + bits, "MGF1", mask, Integer.parseInt(bits) / 8, 1));
        return pss;
    }

    private static boolean holds(Signature verifier, PublicKey key, String signed, byte[] signature)
            throws GeneralSecurityException {
        verifier.initVerify(key);
        verifier.update(signed.getBytes(StandardCharsets.US_ASCII));
        try {
            return verifier.verify(signature);
        } catch (SignatureException e) {
            return false; // of a wrong length, for instance
        }
    }

    private static final Pattern ESCAPE = Pattern.compile("%[0-9A-Fa-f]{2}");

    /**
     * A target URI, or the path alone as in the draft's example, in the form that RFC 9110 section 4.2.3 compares; empty
     * if it is neither.
     */
    private static String targetUri(Object given, String authority) {
        if (!(given instanceof String text)) return "";
        try {
            URI uri = new URI(text.startsWith("/") && !text.startsWith("//") ? "https://" + authority + text : text);
            boolean right = "https".equalsIgnoreCase(uri.getScheme()) && uri.getHost() != null && uri.getRawUserInfo() == null;
            if (!right || uri.getRawQuery() != null || uri.getRawFragment() != null) return "";
            String path = ESCAPE.matcher(uri.getRawPath().isEmpty() ? "/" : uri.getRawPath()).replaceAll(found -> {
                String c = String.valueOf((char) HexFormat.fromHexDigits(found.group(), 1, 3));
                return c.matches("[A-Za-z0-9._~-]") ? c : found.group().toUpperCase(Locale.ROOT);
            });
            String port = uri.getPort() < 0 || uri.getPort() == 443 ? "" : ":" + uri.getPort();
            return "https://" + uri.getHost().toLowerCase(Locale.ROOT) + port + path;
        } catch (URISyntaxException e) {
            return "";
        }
    }

    private static void verify(Map<?, ?> inputs, Map<?, ?> policy) throws Refused, Unsupported, GeneralSecurityException {
        byte[] der = Base64.getDecoder().decode((String) inputs.get("certificate"));
        var certificates = CertificateFactory.getInstance("X.509");
        var certificate = (X509Certificate) certificates.generateCertificate(new ByteArrayInputStream(der));
        PublicKey key = certificate.getPublicKey();
        String own = thumbprint(der);

        if (!(((Map<?, ?>) inputs.get("token_claims")).get("cnf") instanceof Map<?, ?> confirmation)) {
            throw new Refused("confirmation", "no cnf");
        }
        require(confirmation.get("x5t#S256") instanceof String, "confirmation", "no x5t#S256");
        require(LABEL.equals(confirmation.get("tls_exp")), "confirmation", "no tls_exp");
        require(own.equals(confirmation.get("x5t#S256")), "certificate", "another certificate");

        String[] segments = ((String) inputs.get("proof")).split("\\.", -1);
        require(segments.length == 3, "format", "not three segments");
        byte[][] octets = new byte[3][];
        try {
            for (int n = 0; n < 3; n++) octets[n] = Base64.getUrlDecoder().decode(segments[n]);
        } catch (IllegalArgumentException e) {
            throw new Refused("format", String.valueOf(e.getMessage()));
        }
        Map<?, ?> header = object(octets[0]);
        require(!header.containsKey("crit"), "crit", "no extension is understood");
        require(TYP.equals(header.get("typ")), "typ", "another typ");
        Signature verifier = signatureFor(key, header.get("alg"));
        require(holds(verifier, key, segments[0] + "." + segments[1], octets[2]), "signature", "does not verify");
        require(own.equals(header.get("x5t#S256")), "x5t", "another certificate");

        Map<?, ?> claims = object(octets[1]);
        byte[] exporter = HexFormat.of().parseHex((String) inputs.get("exporter"));
        require(BASE64URL.encodeToString(exporter).equals(claims.get("ekm")), "ekm", "another exporter value");
        byte[] token = ((String) inputs.get("access_token")).getBytes(StandardCharsets.US_ASCII);
        require(thumbprint(token).equals(claims.get("ath")), "ath", "another token");
        double now = (Double) inputs.get("now");
        require(claims.get("iat") instanceof Double, "iat", "no number");
        double age = now - (Double) claims.get("iat");
        require(age <= (Double) policy.get("iat_past") && -age <= (Double) policy.get("iat_future"), "iat", "outside the window");

        Map<?, ?> request = (Map<?, ?>) inputs.get("request");
        if (claims.containsKey("htm")) require(request.get("method").equals(claims.get("htm")), "htm", "another method");
        if (claims.containsKey("htu")) {
            String authority = (String) request.get("authority");
            String target = targetUri(((String) request.get("path")).split("\\?", 2)[0], authority);
            require(!target.isEmpty() && target.equals(targetUri(claims.get("htu"), authority)), "htu", "another target");
        }
        // Whether a jti was seen before is not asked here: every question starts from nothing.
        boolean named = claims.get("jti") instanceof String jti && !jti.isEmpty();
        require(named || !claims.containsKey("jti"), "jti", "no text");
    }

    // ---- the contract

    private static String answer(Map<?, ?> question) {
        if ("hello".equals(question.get("command"))) {
            return "\"answer\":\"hello\",\"name\":\"java-jdk\",\"version\":\"1\",\"library\":\"java.security, java.util.Base64\","
                    + "\"language\":" + Json.write("Java " + Runtime.version())
                    + ",\"features\":[\"ES256\",\"ES384\",\"ES512\",\"EdDSA\",\"PS256\",\"RS256\"]";
        }
        boolean asked = question.get("inputs") instanceof Map && question.get("policy") instanceof Map;
        if (!"verify".equals(question.get("command")) || !asked) {
            return "\"answer\":\"unsupported\",\"why\":\"the command is not known, or has no inputs and policy\"";
        }
        try {
            verify((Map<?, ?>) question.get("inputs"), (Map<?, ?>) question.get("policy"));
            return "\"answer\":\"accept\"";
        } catch (Refused e) {
            return "\"answer\":\"refuse\",\"check\":\"" + e.check + "\",\"detail\":" + Json.write(e.getMessage());
        } catch (Unsupported e) {
            return "\"answer\":\"unsupported\",\"why\":" + Json.write(e.getMessage());
        } catch (GeneralSecurityException | RuntimeException e) { // a server would answer 500: not accepted
            System.err.println(e);
            return "\"answer\":\"refuse\",\"detail\":" + Json.write(e.toString());
        }
    }

    public static void main(String[] arguments) throws IOException {
        var input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        var output = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            try {
                var question = (Map<?, ?>) Json.read(line);
                String id = new BigDecimal((Double) question.get("id")).toBigIntegerExact().toString();
                output.print("{\"id\":" + id + "," + answer(question) + "}\n");
                output.flush();
            } catch (RuntimeException e) {
                System.err.println("a line that is no JSON object with an id");
            }
        }
    }
}
